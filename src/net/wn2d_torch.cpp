#include "net/net_torch.h"
#include "net/wn2d.h"
#include "ops/ops.h"

namespace fluvox::net {
namespace {

using Conv = torch::nn::Conv2d;

class Wn2dTorch : public TorchNet {
 public:
  explicit Wn2dTorch(const Wn2d& net) : net_(net) {
    using torch::nn::Conv2dOptions;
    check(net);
    start_ = register_module("start", Conv(Conv2dOptions(net.inputs, net.channels, 1)));
    for (int l = 0; l < net.layers(); ++l) {
      const int64_t over_columns = int64_t{1} << l;
      in_layers_->push_back(
          Conv(Conv2dOptions(net.channels, 2 * net.channels, net.kernel)
                   .dilation({net.row_dilations[static_cast<size_t>(l)], over_columns})
                   .padding({0, over_columns * (net.kernel - 1) / 2})));
      const int outputs = l + 1 < net.layers() ? 2 * net.channels : net.channels;
      res_skip_->push_back(Conv(Conv2dOptions(net.channels, outputs, 1)));
    }
    register_module("in_layers", in_layers_);
    register_module("res_skip_layers", res_skip_);
    condition_ = register_module(
        "cond_layer", Conv(Conv2dOptions(net.condition, 2 * net.channels * net.layers(), 1)));
    end_ = register_module("end", Conv(Conv2dOptions(net.channels, net.outputs, 1)));
    torch::nn::init::zeros_(end_->weight);
    torch::nn::init::zeros_(end_->bias);
  }

  torch::nn::Module& last_layer() override { return *end_; }
  Order order() const override { return Order::rows; }

 protected:
  Tensor run(const Tensor& kept, const Tensor& features) override {
    Tensor h = start_->forward(kept);
    Tensor skip;
    const std::vector<Tensor> conditions =
        condition_->forward(features).split(2 * int64_t{net_.channels}, 1);
    for (int l = 0; l < net_.layers(); ++l) {
      const auto layer = static_cast<size_t>(l);
      const Tensor past =
          torch::constant_pad_nd(h, {0, 0, (net_.kernel - 1) * net_.row_dilations[layer], 0});
      const Tensor a = in_layers_->ptr<torch::nn::Conv2dImpl>(layer)->forward(past);
      const Tensor y = ops::gate(a, conditions[layer]);
      const std::vector<Tensor> r =
          res_skip_->ptr<torch::nn::Conv2dImpl>(layer)->forward(y).split(net_.channels, 1);
      if (l + 1 < net_.layers()) h = h + r.front();
      skip = skip.defined() ? skip + r.back() : r.back();
    }
    return end_->forward(skip);
  }

 private:
  Wn2d net_;
  Conv start_{nullptr}, condition_{nullptr}, end_{nullptr};
  torch::nn::ModuleList in_layers_, res_skip_;
};

}  // namespace

TorchNetPtr make_torch(const Wn2d& net) { return std::make_shared<Wn2dTorch>(net); }

}  // namespace fluvox::net
