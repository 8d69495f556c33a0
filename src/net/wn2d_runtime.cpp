#include <algorithm>

#include "core/threads.h"
#include "kernels/gate.h"
#include "net/net_runtime.h"
#include "net/packed.h"
#include "net/row_ring.h"
#include "net/wn2d.h"

namespace fluvox::net {
namespace {

constexpr int kPiece = 96;  // columns: what a layer makes of them on the way stays in the cache

class Wn2dRuntime : public RuntimeNet {
 public:
  Wn2dRuntime(const Wn2d& net, Weights& weights)
      : net_(net),
        start_(take_conv(weights, "start", net.channels, net.inputs, {1, 1})),
        end_(take_conv(weights, "end", net.outputs, net.channels, {1, 1})) {
    const std::vector<float> condition =
        weights.take("cond_layer.weight", {2 * net.channels * net.layers(), net.condition, 1, 1});
    const std::vector<float> condition_bias =
        weights.take("cond_layer.bias", {2 * net.channels * net.layers()});
    for (int l = 0; l < net.layers(); ++l) {
      in_layers_.push_back(take_conv(weights, text("in_layers.", l), 2 * net.channels, net.channels,
                                     {net.kernel, net.kernel}));
      res_skip_.push_back(take_conv(weights, text("res_skip_layers.", l),
                                    l + 1 < net.layers() ? 2 * net.channels : net.channels,
                                    net.channels, {1, 1}));
      PackedConv& in = in_layers_.back();
      const size_t first = 2 * static_cast<size_t>(net.channels) * l;
      in.taps.emplace_back(condition.data() + first * net.condition, 1, net.condition,
                           net.condition, 2 * net.channels);
      for (size_t o = 0; o < in.bias.size(); ++o) in.bias[o] += condition_bias[first + o];
    }
  }

  NetShape shape() const override { return {net_.inputs, net_.condition, net_.outputs}; }
  Order order() const override { return Order::rows; }
  std::unique_ptr<SerialNet> serial(int columns) const override;

  // A row is wide enough to be worth the threads, so a grid is done row by row as well.
  Grid forward(const Grid& kept, const Grid* features, Threads& threads) const override {
    const int columns = kept.columns / net_.inputs;
    Grid out(kept.rows, columns * net_.outputs);
    const auto rows = serial(columns);
    for (int r = 0; r < kept.rows; ++r)
      rows->next(kept.row(r), features->row(r), out.row(r), threads);
    return out;
  }

 private:
  friend class Wn2dSerial;

  Wn2d net_;
  PackedConv start_, end_;
  std::vector<PackedConv> in_layers_, res_skip_;  // in_layers_: the taps, then the condition
};

class Wn2dSerial : public SerialNet {
 public:
  Wn2dSerial(const Wn2dRuntime& net, int columns)
      : net_(net), columns_(columns), skip_(columns, net.net_.channels) {
    const Wn2d& sizes = net.net_;
    for (int l = 0; l < sizes.layers(); ++l)
      rings_.emplace_back(sizes.kernel, columns, sizes.channels, int64_t{1} << l,
                          sizes.row_dilations[static_cast<size_t>(l)]);
    rings_.emplace_back(1, columns, sizes.channels, 1);  // what leaves the last layer
  }

  void next(const float* before, const float* features, float* out, Threads& threads) override {
    const int inputs = net_.net_.inputs, outputs = net_.net_.outputs;
    const std::ptrdiff_t channels = net_.net_.channels;
    in_pieces(threads, columns_, kPiece, [&](int first, int last) {
      multiply(last - first, net_.start_.bias,
               {net_.start_.taps[0].times(before + std::ptrdiff_t{first} * inputs, inputs)},
               rings_[0].row(now_) + first * channels, channels);
    });
    std::fill(skip_.values.begin(), skip_.values.end(), 0.0f);
    for (int l = 0; l < net_.net_.layers(); ++l)
      in_pieces(threads, columns_, kPiece,
                [&](int first, int last) { layer(static_cast<size_t>(l), first, last, features); });
    in_pieces(threads, columns_, kPiece, [&](int first, int last) {
      multiply(last - first, net_.end_.bias, {net_.end_.taps[0].times(skip_.row(first), channels)},
               out + std::ptrdiff_t{first} * outputs, outputs);
    });
    ++now_;
  }

 private:
  // Columns [first, last) of one layer at the present row.
  void layer(size_t l, int first, int last, const float* features) {
    const PackedConv& in = net_.in_layers_[l];
    const PackedConv& res_skip = net_.res_skip_[l];
    const int columns = last - first, channels = net_.net_.channels;
    const std::ptrdiff_t condition = net_.net_.condition;
    std::vector<kernels::Segment> terms = rings_[l].terms(in, now_, first);
    terms.push_back(in.taps.back().times(features + first * condition, condition));
    Grid a(columns, 2 * channels), gate(columns, channels);
    multiply(columns, in.bias, terms, a.row(0), a.columns);
    kernels::gate_cpu(columns, channels, a.row(0), a.columns, nullptr, 0, gate.row(0), channels);
    multiply(columns, res_skip.bias, {res_skip.taps[0].times(gate.row(0), channels)}, a.row(0),
             a.columns);

    const bool last_layer = res_skip.outputs() == channels;
    const float* h = rings_[l].row(now_) + std::ptrdiff_t{first} * channels;
    float* next = rings_[l + 1].row(now_) + std::ptrdiff_t{first} * channels;
    for (int x = 0; x < columns; ++x, h += channels, next += channels) {
      const float* r = a.row(x);
      if (!last_layer) {
        for (int c = 0; c < channels; ++c) next[c] = h[c] + r[c];
        r += channels;
      }
      float* sum = skip_.row(first + x);
      for (int c = 0; c < channels; ++c) sum[c] += r[c];
    }
  }

  const Wn2dRuntime& net_;
  int columns_;
  int now_ = 0;
  Grid skip_;
  std::vector<RowRing> rings_;  // the input of each layer
};

std::unique_ptr<SerialNet> Wn2dRuntime::serial(int columns) const {
  return std::make_unique<Wn2dSerial>(*this, columns);
}

}  // namespace

RuntimeNetPtr make_runtime(const Wn2d& net, Weights& weights) {
  check(net);
  return std::make_unique<Wn2dRuntime>(net, weights);
}

}  // namespace fluvox::net
