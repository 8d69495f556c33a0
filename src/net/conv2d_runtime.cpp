#include <algorithm>

#include "core/threads.h"
#include "net/conv2d.h"
#include "net/net_runtime.h"
#include "net/packed.h"
#include "net/row_ring.h"

namespace fluvox::net {
namespace {

constexpr int kLeastPiece = 32;  // rows; a piece repeats a few rows before its first

void check(const Conv2d& net, const std::string& where) {
  if (net.kernel % 2 == 0)
    config::refuse(where, text("expected an odd kernel, found ", net.kernel));
  for (const int d : net.dilations)
    if (d < 1 || d > 8192)
      config::refuse(where, text("expected dilations from 1 to 8192, found ", d));
}

void relu(const std::vector<float>& x, float* y) {
  for (size_t i = 0; i < x.size(); ++i) y[i] = x[i] < 0 ? 0.0f : x[i];  // NaN stays NaN
}

class Conv2dRuntime : public RuntimeNet {
 public:
  Conv2dRuntime(const Conv2d& net, Weights& weights)
      : net_(net),
        first_(take_conv(weights, "first", net.channels, net.inputs, {net.kernel, net.kernel})),
        last_(take_conv(weights, "last", net.outputs, net.channels, {1, 1})) {
    for (size_t l = 0; l < net.dilations.size(); ++l)
      layers_.push_back(take_conv(weights, text("layers.", l), net.channels, net.channels,
                                  {net.kernel, net.kernel}));
  }

  NetShape shape() const override { return {net_.inputs, 0, net_.outputs}; }

  Grid forward(const Grid& x, const Grid*, Threads& threads) const override {
    const int columns = x.columns / net_.inputs;
    Grid out(x.rows, columns * net_.outputs);
    const int share = x.rows / (2 * threads.size()) + 1;
    in_pieces(threads, x.rows, std::max(kLeastPiece, share),
              [&](int first, int last) { run(x, columns, first, last, out); });
    return out;
  }

 private:
  // Rows [first, last) of out, row by row through all layers, so that what a layer reads is still
  // in the cache. The net is causal over rows: it starts a few rows early, to have the past that
  // row `first` looks at.
  void run(const Grid& x, int columns, int first, int last, Grid& out) const {
    const int back = net_.kernel - 1, depth = static_cast<int>(layers_.size());
    RowRing input(net_.kernel, columns, net_.inputs, 1);
    std::vector<RowRing> rings;
    for (const int d : net_.dilations) rings.emplace_back(net_.kernel, columns, net_.channels, d);
    std::vector<float> h(static_cast<size_t>(columns) * net_.channels), change(h.size()),
        active(h.size());

    const int start = std::max(0, first - back * depth);
    for (int r = std::max(0, start - back); r < last; ++r) {
      std::copy(x.row(r), x.row(r) + x.columns, input.row(r));
      if (r < start) continue;
      multiply(columns, first_.bias, input.terms(first_, r), h.data(), net_.channels);
      for (int l = 0; l <= depth; ++l) {
        relu(h, l < depth ? rings[static_cast<size_t>(l)].row(r) : active.data());
        // Nothing that is asked for looks at the layers that follow before this row.
        if (l == depth || r < first - back * (depth - 1 - l)) break;
        const PackedConv& layer = layers_[static_cast<size_t>(l)];
        multiply(columns, layer.bias, rings[static_cast<size_t>(l)].terms(layer, r), change.data(),
                 net_.channels);
        for (size_t i = 0; i < h.size(); ++i) h[i] += change[i];
      }
      if (r >= first)
        multiply(columns, last_.bias, {last_.taps[0].times(active.data(), net_.channels)},
                 out.row(r), net_.outputs);
    }
  }

  Conv2d net_;
  PackedConv first_, last_;
  std::vector<PackedConv> layers_;
};

}  // namespace

RuntimeNetPtr make_runtime(const Conv2d& net, Weights& weights) {
  check(net, weights.path("net"));
  return std::make_unique<Conv2dRuntime>(net, weights);
}

}  // namespace fluvox::net
