#include "flow/step_torch.h"
#include "flow/whiten.h"

namespace fluvox::flow {
namespace {

class WhitenTorch : public TorchStep {
 public:
  explicit WhitenTorch(const Whiten& step) {
    bias_ = register_parameter("bias", torch::zeros({step.bins}));
  }

  Result forward(const Tensor& x, const Condition& condition) override {
    const Tensor s = log_scale(x, condition);
    return {x * torch::exp(-s), -sum_per_item(s)};
  }

  Tensor inverse(const Tensor& z, const Condition& condition) override {
    return z * torch::exp(log_scale(z, condition));
  }

  void initialise(const Tensor& x, const Condition& condition) override {
    const torch::NoGradGuard no_grad;
    const Tensor power = (x * torch::exp(-condition.log_scale.transpose(1, 2)))
                             .square()
                             .mean(at::IntArrayRef({0, 2}));
    bias_.copy_(0.5 * torch::log(power.clamp_min(1e-12)));
  }

 private:
  Tensor log_scale(const Tensor& x, const Condition& condition) const {
    if (!condition.log_scale.defined() || condition.log_scale.size(1) != x.size(2) ||
        condition.log_scale.size(2) != x.size(1))
      throw Error(Fault::input, "shape-mismatch",
                  text(place, ": whiten: expected a log-scale for ", x.size(1), " bins of ",
                       x.size(2), " frames from the conditioner"));
    return condition.log_scale.transpose(1, 2) + bias_.unsqueeze(1);
  }

  Tensor bias_;
};

}  // namespace

TorchStepPtr make_torch(const Whiten& step) { return std::make_shared<WhitenTorch>(step); }

}  // namespace fluvox::flow
