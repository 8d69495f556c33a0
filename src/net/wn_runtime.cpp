#include <algorithm>

#include "core/threads.h"
#include "kernels/gate.h"
#include "net/net_runtime.h"
#include "net/packed.h"
#include "net/wn.h"

namespace fluvox::net {
namespace {

constexpr int kPiece = 96;  // rows: what a layer makes of them on the way stays in the cache

// A grid with zero rows before its first and after its last.
class PaddedGrid {
 public:
  PaddedGrid(int rows, int pad, int columns) : pad_(pad), grid_(rows + 2 * pad, columns) {}
  float* row(int t) { return grid_.row(t + pad_); }  // t in [-pad, rows + pad)

 private:
  int pad_;
  Grid grid_;
};

class WnRuntime : public RuntimeNet {
 public:
  WnRuntime(const Wn& wn, Weights& weights)
      : wn_(wn),
        start_(take_conv(weights, "start", wn.channels, wn.inputs, {1})),
        end_(take_conv(weights, "end", wn.outputs, wn.channels, {1})) {
    std::vector<float> condition, condition_bias;
    if (wn.condition > 0) {
      condition = weights.take("cond_layer.weight", {2 * wn.channels * wn.layers, wn.condition, 1});
      condition_bias = weights.take("cond_layer.bias", {2 * wn.channels * wn.layers});
    }
    for (int l = 0; l < wn.layers; ++l) {
      in_layers_.push_back(
          take_conv(weights, text("in_layers.", l), 2 * wn.channels, wn.channels, {wn.kernel}));
      res_skip_.push_back(take_conv(weights, text("res_skip_layers.", l),
                                    l + 1 < wn.layers ? 2 * wn.channels : wn.channels, wn.channels,
                                    {1}));
      if (wn.condition == 0) continue;
      // The layer's slice of the condition is one more tap of its convolution, and the biases add
      // up.
      const size_t first = 2 * static_cast<size_t>(wn.channels) * l;
      in_layers_.back().taps.emplace_back(condition.data() + first * wn.condition, 1, wn.condition,
                                          wn.condition, 2 * wn.channels);
      for (size_t o = 0; o < in_layers_.back().bias.size(); ++o)
        in_layers_.back().bias[o] += condition_bias[first + o];
    }
  }

  NetShape shape() const override { return {wn_.inputs, wn_.condition, wn_.outputs}; }

  Grid forward(const Grid& kept, const Grid* features, Threads& threads) const override {
    const int rows = kept.rows, channels = wn_.channels;
    // A tap further away than the grid is long meets zeros alone: moved nearer it meets the same.
    const int64_t reach = int64_t{wn_.kernel / 2} << (wn_.layers - 1);
    const int pad = static_cast<int>(std::min(reach, int64_t{rows}));
    PaddedGrid h(rows, pad, channels), next(rows, pad, channels);
    Grid skip(rows, channels), out(rows, wn_.outputs);

    in_pieces(threads, rows, kPiece, [&](int first, int last) {
      multiply(last - first, start_.bias, {start_.taps[0].times(kept.row(first), wn_.inputs)},
               h.row(first), channels);
    });
    for (int l = 0; l < wn_.layers; ++l) {
      in_pieces(threads, rows, kPiece,
                [&](int first, int last) { layer(l, first, last, pad, h, features, next, skip); });
      std::swap(h, next);
    }
    in_pieces(threads, rows, kPiece, [&](int first, int last) {
      multiply(last - first, end_.bias, {end_.taps[0].times(skip.row(first), channels)},
               out.row(first), wn_.outputs);
    });
    return out;
  }

 private:
  // Rows [first, last) of one layer: the new residual stream into next, its share of the skips into
  // skip.
  void layer(int l, int first, int last, int pad, PaddedGrid& h, const Grid* features,
             PaddedGrid& next, Grid& skip) const {
    const PackedConv& in = in_layers_[static_cast<size_t>(l)];
    const PackedConv& res_skip = res_skip_[static_cast<size_t>(l)];
    const int rows = last - first, channels = wn_.channels;
    std::vector<kernels::Segment> segments;
    for (int tap = 0; tap < wn_.kernel; ++tap) {
      const int64_t offset = static_cast<int64_t>(tap - wn_.kernel / 2) * (int64_t{1} << l);
      const int from = first + static_cast<int>(std::clamp<int64_t>(offset, -pad, pad));
      segments.push_back(in.taps[static_cast<size_t>(tap)].times(h.row(from), channels));
    }
    if (wn_.condition > 0)
      segments.push_back(in.taps.back().times(features->row(first), wn_.condition));

    Grid a(rows, 2 * channels), gate(rows, channels);
    multiply(rows, in.bias, segments, a.row(0), a.columns);
    kernels::gate_cpu(rows, channels, a.row(0), a.columns, nullptr, 0, gate.row(0), channels);
    multiply(rows, res_skip.bias, {res_skip.taps[0].times(gate.row(0), channels)}, a.row(0),
             a.columns);

    const bool last_layer = l + 1 == wn_.layers;
    for (int t = 0; t < rows; ++t) {
      const float* r = a.row(t);
      if (!last_layer) {
        const float* before = h.row(first + t);
        float* after = next.row(first + t);
        for (int c = 0; c < channels; ++c) after[c] = before[c] + r[c];
        r += channels;
      }
      float* sum = skip.row(first + t);
      for (int c = 0; c < channels; ++c) sum[c] += r[c];
    }
  }

  Wn wn_;
  PackedConv start_, end_;
  std::vector<PackedConv> in_layers_, res_skip_;  // in_layers_: the taps, then the condition
};

}  // namespace

RuntimeNetPtr make_runtime(const Wn& wn, Weights& weights) {
  check(wn);
  return std::make_unique<WnRuntime>(wn, weights);
}

}  // namespace fluvox::net
