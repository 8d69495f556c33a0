#include <algorithm>

#include "core/threads.h"
#include "kernels/gate.h"
#include "net/net_runtime.h"
#include "net/norm_folded.h"
#include "net/packed.h"
#include "net/separable.h"

namespace fluvox::net {
namespace {

constexpr int kPiece = 96;  // rows: what a layer makes of them on the way stays in the cache

struct Layer {
  Layer(Weights& weights, const Separable& net, int l)
      : norm(weights.in(text("in_layers.", l, ".norm")), net.channels),
        bias(weights.take(text("in_layers.", l, ".depthwise.bias"), {net.channels})),
        pointwise(take_conv(weights, text("in_layers.", l, ".pointwise"), 2 * net.channels,
                            net.channels, {1})),
        res(take_conv(weights, text("res_layers.", l), net.channels, net.channels, {1})) {
    const std::vector<float> weight =
        weights.take(text("in_layers.", l, ".depthwise.weight"), {net.channels, 1, net.kernel});
    taps.resize(static_cast<size_t>(net.kernel));
    for (size_t i = 0; i < weight.size(); ++i) taps[i % taps.size()].push_back(weight[i]);
  }

  FoldedNorm norm;
  std::vector<std::vector<float>> taps;  // depthwise, [tap][channel]
  std::vector<float> bias;               // depthwise
  PackedConv pointwise, res;             // pointwise's second matrix is the condition's
};

class SeparableRuntime : public RuntimeNet {
 public:
  SeparableRuntime(const Separable& net, Weights& weights)
      : net_(net),
        start_(take_conv(weights, "start", net.channels, net.inputs, {1})),
        end_(take_conv(weights, "end", net.outputs, net.channels, {1})) {
    const std::vector<float> condition =
        weights.take("cond_layer.weight", {2 * net.channels * net.layers, net.condition, 1});
    const std::vector<float> condition_bias =
        weights.take("cond_layer.bias", {2 * net.channels * net.layers});
    for (int l = 0; l < net.layers; ++l) {
      layers_.emplace_back(weights, net, l);
      PackedConv& in = layers_.back().pointwise;
      const size_t first = 2 * static_cast<size_t>(net.channels) * l;
      in.taps.emplace_back(condition.data() + first * net.condition, 1, net.condition,
                           net.condition, 2 * net.channels, weights.precision());
      for (size_t o = 0; o < in.bias.size(); ++o) in.bias[o] += condition_bias[first + o];
    }
  }

  NetShape shape() const override { return {net_.inputs, net_.condition, net_.outputs}; }

  int64_t look_ahead() const override { return int64_t{net_.layers} * (net_.kernel / 2); }
  NetStreamPtr stream() const override {
    return stream_by_windows(*this, look_ahead(), look_ahead());
  }
  double multiply_adds() const override {
    double sum = start_.multiply_adds() + end_.multiply_adds();
    for (const Layer& layer : layers_)
      sum += layer.pointwise.multiply_adds() + layer.res.multiply_adds() +
             static_cast<double>(net_.kernel) * net_.channels;
    return sum;
  }

  Grid forward(const Grid& kept, const Grid* features, Threads& threads) const override {
    const int rows = kept.rows, channels = net_.channels;
    Grid h(rows, channels), next(rows, channels), out(rows, net_.outputs);
    in_pieces(threads, rows, kPiece, [&](int first, int last) {
      multiply(last - first, start_.bias, {start_.taps[0].times(kept.row(first), net_.inputs)},
               h.row(first), channels);
    });
    for (const Layer& layer : layers_) {
      in_pieces(threads, rows, kPiece,
                [&](int first, int last) { run(layer, first, last, h, *features, next); });
      std::swap(h, next);
    }
    in_pieces(threads, rows, kPiece, [&](int first, int last) {
      multiply(last - first, end_.bias, {end_.taps[0].times(h.row(first), channels)},
               out.row(first), net_.outputs);
    });
    return out;
  }

 private:
  // Row t of depthwise(norm(h)) -> d [channels]; beyond the ends the norm's result is zero.
  void depthwise(const Layer& layer, const Grid& h, int t, float* d) const {
    std::copy(layer.bias.begin(), layer.bias.end(), d);
    for (int tap = 0; tap < net_.kernel; ++tap) {
      const int from = t + tap - net_.kernel / 2;
      if (from < 0 || from >= h.rows) continue;
      const float* x = h.row(from);
      const float* w = layer.taps[static_cast<size_t>(tap)].data();
      const float* scale = layer.norm.scale.data();
      const float* offset = layer.norm.offset.data();
      for (int c = 0; c < net_.channels; ++c) d[c] += w[c] * (scale[c] * x[c] + offset[c]);
    }
  }

  // Rows [first, last) of one layer: the new residual stream into next.
  void run(const Layer& layer, int first, int last, const Grid& h, const Grid& features,
           Grid& next) const {
    const int rows = last - first, channels = net_.channels;
    Grid d(rows, channels), a(rows, 2 * channels);
    for (int t = 0; t < rows; ++t) depthwise(layer, h, first + t, d.row(t));
    multiply(rows, layer.pointwise.bias,
             {layer.pointwise.taps[0].times(d.row(0), channels),
              layer.pointwise.taps[1].times(features.row(first), net_.condition)},
             a.row(0), a.columns);
    kernels::gate_cpu(rows, channels, a.row(0), a.columns, nullptr, 0, d.row(0), channels);
    multiply(rows, layer.res.bias, {layer.res.taps[0].times(d.row(0), channels)}, next.row(first),
             channels);
    for (int t = first; t < last; ++t) {
      const float* before = h.row(t);
      float* after = next.row(t);
      for (int c = 0; c < channels; ++c) after[c] += before[c];
    }
  }

  Separable net_;
  PackedConv start_, end_;
  std::vector<Layer> layers_;
};

}  // namespace

RuntimeNetPtr make_runtime(const Separable& net, Weights& weights) {
  check(net);
  return std::make_unique<SeparableRuntime>(net, weights);
}

}  // namespace fluvox::net
