#include "net/net_torch.h"
#include "net/separable.h"
#include "ops/ops.h"

namespace fluvox::net {
namespace {

constexpr double kNewShare = 0.1;  // of a batch in the running averages

class BatchNorm : public torch::nn::Module {
 public:
  explicit BatchNorm(int channels) {
    weight_ = register_parameter("weight", torch::ones({channels}));
    bias_ = register_parameter("bias", torch::zeros({channels}));
    mean_ = register_buffer("running_mean", torch::zeros({channels}));
    variance_ = register_buffer("running_var", torch::ones({channels}));
  }

  Tensor forward(const Tensor& x) {
    return torch::batch_norm(x, weight_, bias_, mean_, variance_, is_training(), kNewShare,
                             kNormFloor, false);
  }

 private:
  Tensor weight_, bias_, mean_, variance_;
};

using Conv = torch::nn::Conv1d;

class InLayer : public torch::nn::Module {
 public:
  explicit InLayer(const Separable& net) {
    using torch::nn::Conv1dOptions;
    norm_ = register_module("norm", std::make_shared<BatchNorm>(net.channels));
    depthwise_ =
        register_module("depthwise", Conv(Conv1dOptions(net.channels, net.channels, net.kernel)
                                              .groups(net.channels)
                                              .padding(net.kernel / 2)));
    pointwise_ =
        register_module("pointwise", Conv(Conv1dOptions(net.channels, 2 * net.channels, 1)));
  }

  Tensor forward(const Tensor& h) {
    return pointwise_->forward(depthwise_->forward(norm_->forward(h)));
  }

 private:
  std::shared_ptr<BatchNorm> norm_;
  Conv depthwise_{nullptr}, pointwise_{nullptr};
};

class SeparableTorch : public TorchNet {
 public:
  explicit SeparableTorch(const Separable& net) : net_(net) {
    using torch::nn::Conv1dOptions;
    check(net);
    start_ = register_module("start", Conv(Conv1dOptions(net.inputs, net.channels, 1)));
    for (int l = 0; l < net.layers; ++l) {
      in_layers_->push_back(std::make_shared<InLayer>(net));
      res_layers_->push_back(Conv(Conv1dOptions(net.channels, net.channels, 1)));
    }
    register_module("in_layers", in_layers_);
    register_module("res_layers", res_layers_);
    condition_ = register_module(
        "cond_layer", Conv(Conv1dOptions(net.condition, 2 * net.channels * net.layers, 1)));
    end_ = register_module("end", Conv(Conv1dOptions(net.channels, net.outputs, 1)));
    torch::nn::init::zeros_(end_->weight);
    torch::nn::init::zeros_(end_->bias);
  }

  torch::nn::Module& last_layer() override { return *end_; }

 protected:
  Tensor run(const Tensor& kept, const Tensor& features) override {
    Tensor h = start_->forward(kept);
    const std::vector<Tensor> conditions =
        condition_->forward(features).split(2 * int64_t{net_.channels}, 1);
    for (int l = 0; l < net_.layers; ++l) {
      const auto layer = static_cast<size_t>(l);
      const Tensor y = ops::gate(in_layers_->ptr<InLayer>(layer)->forward(h), conditions[layer]);
      h = h + res_layers_->ptr<torch::nn::Conv1dImpl>(layer)->forward(y);
    }
    return end_->forward(h);
  }

 private:
  Separable net_;
  Conv start_{nullptr}, condition_{nullptr}, end_{nullptr};
  torch::nn::ModuleList in_layers_, res_layers_;
};

}  // namespace

TorchNetPtr make_torch(const Separable& net) { return std::make_shared<SeparableTorch>(net); }

}  // namespace fluvox::net
