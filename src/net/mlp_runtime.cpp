#include <algorithm>

#include "core/threads.h"
#include "net/mlp.h"
#include "net/net_runtime.h"
#include "net/packed.h"

namespace fluvox::net {
namespace {

constexpr int kPiece = 96;  // rows

PackedConv take_dense(Weights& weights, const std::string& name, int outputs, int inputs,
                      const std::vector<float>& mask) {
  std::vector<float> weight = weights.take(name + ".weight", {outputs, inputs});
  for (size_t i = 0; i < mask.size(); ++i) weight[i] *= mask[i];
  return PackedConv(weight, weights.take(name + ".bias", {outputs}), inputs, 1);
}

class MlpRuntime : public RuntimeNet {
 public:
  // Empty masks: all weights count.
  MlpRuntime(const Mlp& net, const MadeMasks& masks, Weights& weights)
      : net_(net),
        order_(masks.first.empty() ? Order::none : Order::channels),
        first_(take_dense(weights, "first", net.channels, net.inputs, masks.first)),
        last_(take_dense(weights, "last", net.outputs, net.channels, masks.last)) {
    if (net.condition > 0) {
      const std::vector<float> condition =
          weights.take("cond.weight", {net.channels, net.condition});
      first_.taps.emplace_back(condition.data(), 1, net.condition, net.condition, net.channels);
    }
    for (int l = 1; l < net.layers; ++l)
      layers_.push_back(
          take_dense(weights, text("layers.", l - 1), net.channels, net.channels, masks.between));
  }

  NetShape shape() const override { return {net_.inputs, net_.condition, net_.outputs}; }
  Order order() const override { return order_; }

  Grid forward(const Grid& kept, const Grid* features, Threads& threads) const override {
    Grid out(kept.rows, net_.outputs);
    in_pieces(threads, kept.rows, kPiece, [&](int first, int last) {
      const int rows = last - first;
      Grid h(rows, net_.channels), next(rows, net_.channels);
      std::vector<kernels::Segment> seen = {first_.taps[0].times(kept.row(first), net_.inputs)};
      if (net_.condition > 0)
        seen.push_back(first_.taps[1].times(features->row(first), net_.condition));
      multiply(rows, first_.bias, seen, h.row(0), net_.channels);
      relu(h);
      for (const PackedConv& layer : layers_) {
        multiply(rows, layer.bias, {layer.taps[0].times(h.row(0), net_.channels)}, next.row(0),
                 net_.channels);
        relu(next);
        std::swap(h, next);
      }
      multiply(rows, last_.bias, {last_.taps[0].times(h.row(0), net_.channels)}, out.row(first),
               net_.outputs);
    });
    return out;
  }

 private:
  static void relu(Grid& grid) {
    for (float& v : grid.values) v = v < 0 ? 0.0f : v;  // NaN stays NaN
  }

  Mlp net_;
  Order order_;
  PackedConv first_, last_;  // first_: the input, then the condition
  std::vector<PackedConv> layers_;
};

}  // namespace

RuntimeNetPtr make_runtime(const Mlp& net, Weights& weights) {
  return std::make_unique<MlpRuntime>(net, MadeMasks{}, weights);
}

RuntimeNetPtr make_runtime(const Made& net, Weights& weights) {
  return std::make_unique<MlpRuntime>(dense(net), masks(net), weights);
}

}  // namespace fluvox::net
