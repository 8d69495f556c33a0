#include "net/conv2d.h"
#include "net/net_torch.h"

namespace fluvox::net {
namespace {

class Conv2dTorch : public TorchNet {
 public:
  explicit Conv2dTorch(const Conv2d& net) : net_(net) {
    first_ = register_module("first", conv(net.inputs, net.channels, net.kernel, 1));
    for (int d : net.dilations) layers_->push_back(conv(net.channels, net.channels, net.kernel, d));
    register_module("layers", layers_);
    last_ = register_module("last", conv(net.channels, net.outputs, 1, 1));
    torch::nn::init::zeros_(last_->weight);
    torch::nn::init::zeros_(last_->bias);
  }

  torch::nn::Module& last_layer() override { return *last_; }

 protected:
  Tensor run(const Tensor& kept, const Tensor&) override {
    Tensor h = first_->forward(past(kept));
    for (size_t l = 0; l < layers_->size(); ++l)
      h = h + layers_->ptr<torch::nn::Conv2dImpl>(l)->forward(past(torch::relu(h)));
    return last_->forward(torch::relu(h));
  }

 private:
  static torch::nn::Conv2d conv(int inputs, int outputs, int kernel, int dilation) {
    return torch::nn::Conv2d(torch::nn::Conv2dOptions(inputs, outputs, kernel)
                                 .dilation({1, dilation})
                                 .padding({0, dilation * (kernel - 1) / 2}));
  }

  // kernel - 1 rows of zeros before the first: the past only
  Tensor past(const Tensor& x) const {
    return torch::constant_pad_nd(x, {0, 0, net_.kernel - 1, 0});
  }

  Conv2d net_;
  torch::nn::Conv2d first_{nullptr}, last_{nullptr};
  torch::nn::ModuleList layers_;
};

}  // namespace

TorchNetPtr make_torch(const Conv2d& net) { return std::make_shared<Conv2dTorch>(net); }

}  // namespace fluvox::net
