#include "flow/actnorm.h"
#include "flow/step_torch.h"
#include "ops/ops.h"

namespace fluvox::flow {
namespace {

constexpr double kLeastDeviation = 1e-6;  // of a channel that is silent in the first data

class ActNormTorch : public TorchStep {
 public:
  explicit ActNormTorch(const ActNorm& step) {
    log_scale_ = register_parameter("log_scale", torch::zeros({step.channels}));
    bias_ = register_parameter("bias", torch::zeros({step.channels}));
    initialised_ = register_buffer("initialised", torch::zeros({1}));
  }

  Result forward(const Tensor& x, const Condition&) override {
    expect_channels(x, bias_.size(0));
    return {ops::actnorm(x, log_scale_, bias_), (log_scale_.sum() * x.size(2)).expand({x.size(0)})};
  }

  Tensor inverse(const Tensor& z, const Condition&) override {
    expect_channels(z, bias_.size(0));
    return ops::actnorm_inverse(z, log_scale_, bias_);
  }

  void initialise(const Tensor& x, const Condition&) override {
    const torch::NoGradGuard no_grad;
    expect_channels(x, bias_.size(0));
    if (initialised_.item<double>() != 0) return;
    // In two passes: the mean of squares less the square of the mean loses a small variance.
    const Tensor mean = x.mean(at::IntArrayRef({0, 2}));
    const Tensor variance = (x - mean.unsqueeze(1)).square().mean(at::IntArrayRef({0, 2}));
    bias_.copy_(-mean);
    log_scale_.copy_(-torch::log(variance.sqrt().clamp_min(kLeastDeviation)));
    initialised_.fill_(1);
  }

 private:
  Tensor log_scale_, bias_, initialised_;
};

}  // namespace

TorchStepPtr make_torch(const ActNorm& step) { return std::make_shared<ActNormTorch>(step); }

}  // namespace fluvox::flow
