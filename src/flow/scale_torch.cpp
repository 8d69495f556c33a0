#include "flow/scale.h"
#include "flow/step_torch.h"

namespace fluvox::flow {
namespace {

class ScaleTorch : public TorchStep {
 public:
  explicit ScaleTorch(const Scale& step) {
    log_scale_ = register_parameter("log_scale", torch::zeros({step.channels}));
  }

  Result forward(const Tensor& x, const Condition&) override {
    expect_channels(x, log_scale_.size(0));
    const Tensor log_det = log_scale_.sum() * x.size(2);
    return {torch::exp(log_scale_).unsqueeze(1) * x, log_det.expand({x.size(0)})};
  }

  Tensor inverse(const Tensor& z, const Condition&) override {
    expect_channels(z, log_scale_.size(0));
    return z * torch::exp(-log_scale_).unsqueeze(1);
  }

 private:
  Tensor log_scale_;
};

}  // namespace

TorchStepPtr make_torch(const Scale& step) { return std::make_shared<ScaleTorch>(step); }

}  // namespace fluvox::flow
