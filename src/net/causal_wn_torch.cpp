#include <cmath>

#include "net/causal_wn.h"
#include "net/net_torch.h"

namespace fluvox::net {
namespace {

using Conv = torch::nn::Conv1d;

// `count` columns of zeros before the first
Tensor after_zeros(const Tensor& x, int64_t count) { return torch::constant_pad_nd(x, {count, 0}); }

class CausalWnTorch : public TorchNet {
 public:
  explicit CausalWnTorch(const CausalWn& net) : net_(net) {
    using torch::nn::Conv1dOptions;
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
  Order order() const override { return Order::time; }
  int64_t reach() const override { return net::reach(net_); }

 protected:
  Tensor run(const Tensor& kept, const Tensor& features) override {
    // x[t] itself is left out: the input is moved by one.
    const Tensor before = after_zeros(kept.narrow(2, 0, kept.size(2) - 1), net_.front);
    Tensor h = torch::relu(front_->forward(before));
    Tensor skip;
    const Tensor conditions = net_.condition > 0 ? condition_->forward(features) : Tensor();
    for (int l = 0; l < net_.layers; ++l) {
      const auto layer = static_cast<size_t>(l);
      const Tensor past = after_zeros(h, (net_.kernel - 1) * dilation(net_, l));
      Tensor a = in_layers_->ptr<torch::nn::Conv1dImpl>(layer)->forward(past);
      if (conditions.defined())
        a = a + conditions.narrow(1, 2 * net_.channels * l, 2 * net_.channels);
      const Tensor gate = torch::tanh(a.narrow(1, 0, net_.channels)) *
                          torch::sigmoid(a.narrow(1, net_.channels, net_.channels));
      const Tensor r = res_skip_->ptr<torch::nn::Conv1dImpl>(layer)->forward(gate);
      const bool last = l + 1 == net_.layers;
      if (!last) h = (h + r.narrow(1, 0, net_.channels)) * std::sqrt(0.5);
      const Tensor mine = last ? r : r.narrow(1, net_.channels, net_.channels);
      skip = skip.defined() ? skip + mine : mine;
    }
    return end_->forward(torch::relu(mid_->forward(torch::relu(skip))));
  }

 private:
  CausalWn net_;
  Conv front_{nullptr}, condition_{nullptr}, mid_{nullptr}, end_{nullptr};
  torch::nn::ModuleList in_layers_, res_skip_;
};

}  // namespace

TorchNetPtr make_torch(const CausalWn& net) { return std::make_shared<CausalWnTorch>(net); }

}  // namespace fluvox::net
