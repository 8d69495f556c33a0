#include <cmath>

#include "net/net_torch.h"
#include "net/upsample2d.h"

namespace fluvox::net {
namespace {

using Up = torch::nn::ConvTranspose2d;

class Upsample2dTorch : public TorchConditioner {
 public:
  explicit Upsample2dTorch(const Upsample2d& net) : net_(net) {
    check(net);
    for (const int stride : net.strides) {
      layers_->push_back(Up(torch::nn::ConvTranspose2dOptions(1, 1, {3, 2 * stride})
                                .stride({1, stride})
                                .padding({1, 0})));
      // Every sample is reached by 3 x 2 taps: begin as their mean, a smooth copy of the frames.
      torch::nn::init::constant_(
          layers_->ptr<torch::nn::ConvTranspose2dImpl>(layers_->size() - 1)->weight, 1.0 / 6);
    }
    register_module("layers", layers_);
  }

  Margins margins() const override { return kUpsample2dMargins; }

  Condition forward(const Tensor& mel) override {
    const int64_t frames = mel.size(2) - 2, first = net_.strides[0], second = net_.strides[1];
    // Of the first layer one sample more is needed at both ends.
    const Tensor middle =
        layer(0, mel.unsqueeze(1)).narrow(3, first - 1 + first / 2, frames * first + 2);
    const Tensor up = layer(1, torch::leaky_relu(middle, kLeak))
                          .narrow(3, second + second / 2, frames * first * second);
    const int64_t groups = up.size(3) / net_.group;
    return {torch::leaky_relu(up, kLeak)
                .reshape({mel.size(0), net_.bands, groups, net_.group})
                .permute({0, 1, 3, 2})
                .reshape({mel.size(0), int64_t{net_.bands} * net_.group, groups}),
            {}};
  }

 private:
  Tensor layer(size_t i, const Tensor& x) {
    return layers_->ptr<torch::nn::ConvTranspose2dImpl>(i)->forward(x);
  }

  Upsample2d net_;
  torch::nn::ModuleList layers_;
};

}  // namespace

TorchConditionerPtr make_torch(const Upsample2d& net) {
  return std::make_shared<Upsample2dTorch>(net);
}

}  // namespace fluvox::net
