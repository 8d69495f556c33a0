#include "net/net_torch.h"
#include "net/upsample.h"

namespace fluvox::net {
namespace {

class UpsampleTorch : public TorchConditioner {
 public:
  explicit UpsampleTorch(const Upsample& net) : net_(net) {
    const torch::nn::ConvTranspose1d up(
        torch::nn::ConvTranspose1dOptions(net.bands, net.bands, net.kernel).stride(net.hop));
    weight_ = register_parameter("weight", up->weight.detach().clone());
    bias_ = register_parameter("bias", up->bias.detach().clone());
  }

  Margins margins() const override { return net::margins(net_); }

  Condition forward(const Tensor& mel) override {
    const int left = margins().left;
    const int64_t frames = mel.size(2) - left;
    const Tensor up = torch::conv_transpose1d(mel, weight_, bias_, net_.hop)
                          .narrow(2, int64_t{left} * net_.hop, frames * net_.hop);
    const int64_t groups = frames * net_.hop / net_.group;
    return {up.reshape({mel.size(0), net_.bands, groups, net_.group})
                .permute({0, 1, 3, 2})
                .reshape({mel.size(0), int64_t{net_.bands} * net_.group, groups}),
            {}};
  }

 private:
  Upsample net_;
  Tensor weight_, bias_;
};

}  // namespace

TorchConditionerPtr make_torch(const Upsample& net) { return std::make_shared<UpsampleTorch>(net); }

}  // namespace fluvox::net
