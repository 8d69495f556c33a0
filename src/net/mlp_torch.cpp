#include "net/mlp.h"
#include "net/net_torch.h"

namespace fluvox::net {
namespace {

using torch::nn::Linear;

class MlpTorch : public TorchNet {
 public:
  explicit MlpTorch(const Mlp& net) {
    first_ = register_module("first", Linear(net.inputs, net.channels));
    if (net.condition > 0)
      condition_ = register_module(
          "cond", Linear(torch::nn::LinearOptions(net.condition, net.channels).bias(false)));
    for (int l = 1; l < net.layers; ++l) layers_->push_back(Linear(net.channels, net.channels));
    register_module("layers", layers_);
    last_ = register_module("last", Linear(net.channels, net.outputs));
    torch::nn::init::zeros_(last_->weight);
    torch::nn::init::zeros_(last_->bias);
  }

  explicit MlpTorch(const Made& net) : MlpTorch(dense(net)) {
    const MadeMasks m = masks(net);
    const auto tensor = [](std::vector<float> values, int64_t rows) {
      return torch::from_blob(values.data(), {rows, static_cast<int64_t>(values.size()) / rows})
          .clone();
    };
    mask_first_ = tensor(m.first, net.channels);
    mask_between_ = tensor(m.between, net.channels);
    mask_last_ = tensor(m.last, 2 * int64_t{net.inputs});
    inputs_ = net.inputs;
  }

  torch::nn::Module& last_layer() override { return *last_; }
  Order order() const override { return mask_first_.defined() ? Order::channels : Order::none; }
  int64_t reach() const override { return inputs_; }

 protected:
  Tensor run(const Tensor& kept, const Tensor& features) override {
    Tensor h = times(*first_, mask_first_, kept.transpose(1, 2));
    if (condition_) h = h + condition_->forward(features.transpose(1, 2));
    for (size_t l = 0; l < layers_->size(); ++l)
      h = times(*layers_->ptr<torch::nn::LinearImpl>(l), mask_between_, torch::relu(h));
    return times(*last_, mask_last_, torch::relu(h)).transpose(1, 2);
  }

 private:
  static Tensor times(const torch::nn::LinearImpl& layer, const Tensor& mask, const Tensor& x) {
    return torch::linear(x, mask.defined() ? layer.weight * mask.to(layer.weight) : layer.weight,
                         layer.bias);
  }

  Linear first_{nullptr}, condition_{nullptr}, last_{nullptr};
  torch::nn::ModuleList layers_;
  Tensor mask_first_, mask_between_, mask_last_;  // undefined: no mask
  int64_t inputs_ = 0;
};

}  // namespace

TorchNetPtr make_torch(const Mlp& net) { return std::make_shared<MlpTorch>(net); }
TorchNetPtr make_torch(const Made& net) { return std::make_shared<MlpTorch>(net); }

}  // namespace fluvox::net
