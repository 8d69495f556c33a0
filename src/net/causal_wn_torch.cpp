#include <cmath>

#include "net/causal_wn.h"
#include "net/net_torch.h"
#include "ops/ops.h"

namespace fluvox::net {
namespace {

using Conv = torch::nn::Conv1d;

class CausalWnTorch : public TorchNet {
 public:
  explicit CausalWnTorch(const CausalWn& net) : net_(net) {
    using torch::nn::Conv1dOptions;
    check(net);
    front_ = register_module("front", Conv(Conv1dOptions(net.inputs, net.channels, net.front)));
    for (int l = 0; l < net.layers; ++l) {
      in_layers_->push_back(Conv(
          Conv1dOptions(net.channels, 2 * net.channels, net.kernel).dilation(dilation(net, l))));
      const int outputs = l + 1 < net.layers ? 2 * net.channels : net.channels;
      res_skip_->push_back(Conv(Conv1dOptions(net.channels, outputs, 1)));
    }
    register_module("in_layers", in_layers_);
    register_module("res_skip_layers", res_skip_);
    if (net.condition > 0)
      condition_ = register_module(
          "cond_layer", Conv(Conv1dOptions(net.condition, 2 * net.channels * net.layers, 1)));
    mid_ = register_module("mid", Conv(Conv1dOptions(net.channels, net.channels, 1)));
    end_ = register_module("end", Conv(Conv1dOptions(net.channels, net.outputs, 1)));
    torch::nn::init::zeros_(end_->weight);
    torch::nn::init::zeros_(end_->bias);
  }

  torch::nn::Module& last_layer() override { return *end_; }
  Order order() const override { return net_.causal ? Order::time : Order::none; }
  int64_t reach() const override { return net::reach(net_); }

 protected:
  Tensor run(const Tensor& kept, const Tensor& features) override {
    // x[t] itself is left out of a causal sum: the input is moved by one.
    const Tensor before =
        net_.causal ? torch::constant_pad_nd(kept.narrow(2, 0, kept.size(2) - 1), {net_.front, 0})
                    : padded(kept, net_.front - 1);
    Tensor h = torch::relu(front_->forward(before));
    Tensor skip;
    std::vector<Tensor> conditions;  // of each layer
    if (net_.condition > 0)
      conditions = condition_->forward(features).split(2 * int64_t{net_.channels}, 1);
    for (int l = 0; l < net_.layers; ++l) {
      const auto layer = static_cast<size_t>(l);
      const Tensor around = padded(h, (net_.kernel - 1) * dilation(net_, l));
      const Tensor a = in_layers_->ptr<torch::nn::Conv1dImpl>(layer)->forward(around);
      const Tensor y = conditions.empty() ? ops::gate(a, {}) : ops::gate(a, conditions[layer]);
      const std::vector<Tensor> r =
          res_skip_->ptr<torch::nn::Conv1dImpl>(layer)->forward(y).split(net_.channels, 1);
      if (l + 1 < net_.layers) h = (h + r.front()) * std::sqrt(0.5);
      skip = skip.defined() ? skip + r.back() : r.back();
    }
    return end_->forward(torch::relu(mid_->forward(torch::relu(skip))));
  }

 private:
  // `count` columns of zeros: all before the first or, where the net is not causal, half of them
  // after the last
  Tensor padded(const Tensor& x, int64_t count) const {
    const int64_t after = net_.causal ? 0 : count / 2;
    return torch::constant_pad_nd(x, {count - after, after});
  }

  CausalWn net_;
  Conv front_{nullptr}, condition_{nullptr}, mid_{nullptr}, end_{nullptr};
  torch::nn::ModuleList in_layers_, res_skip_;
};

}  // namespace

TorchNetPtr make_torch(const CausalWn& net) { return std::make_shared<CausalWnTorch>(net); }

}  // namespace fluvox::net
