#include "flow/batchnorm.h"
#include "flow/step_torch.h"

namespace fluvox::flow {
namespace {

class BatchNormTorch : public TorchStep {
 public:
  explicit BatchNormTorch(const BatchNorm& step) : step_(step) {
    log_scale_ = register_parameter("log_scale", torch::zeros({step.channels}));
    shift_ = register_parameter("shift", torch::zeros({step.channels}));
    running_mean_ = register_buffer("running_mean", torch::zeros({step.channels}));
    running_variance_ = register_buffer("running_variance", torch::ones({step.channels}));
  }

  Result forward(const Tensor& x, const Condition&) override {
    expect_channels(x, step_.channels);
    if (!is_training()) return normalised(x, running_mean_, running_variance_);
    const auto [mean, variance] = statistics(x);
    held_mean_ = mean.detach();
    held_variance_ = variance.detach();
    remember(step_.momentum);
    return normalised(x, mean, variance);
  }

  Tensor inverse(const Tensor& z, const Condition&) override {
    expect_channels(z, step_.channels);
    if (is_training() && !held_mean_.defined())
      throw Error(Fault::usage, "statistics-missing",
                  text(place,
                       ": in training the inverse uses the statistics of the last forward, "
                       "and there was none"));
    const Tensor& mean = is_training() ? held_mean_ : running_mean_;
    const Tensor s = log_factor(is_training() ? held_variance_ : running_variance_);
    return (z - shift_.unsqueeze(1)) * torch::exp(-s).unsqueeze(1) + mean.unsqueeze(1);
  }

  // The running statistics begin with those of the first data, not with mean 0 and variance 1.
  void initialise(const Tensor& x, const Condition&) override {
    const torch::NoGradGuard no_grad;
    expect_channels(x, step_.channels);
    std::tie(held_mean_, held_variance_) = statistics(x);
    remember(1);
  }

 private:
  static std::pair<Tensor, Tensor> statistics(const Tensor& x) {
    const Tensor mean = x.mean(at::IntArrayRef({0, 2}));
    return {mean, (x - mean.unsqueeze(1)).square().mean(at::IntArrayRef({0, 2}))};
  }

  // A batch that is not finite is skipped in training, and must leave no trace here either.
  void remember(double share) {
    const torch::NoGradGuard no_grad;
    if (!torch::isfinite(held_variance_).all().item<bool>()) return;
    running_mean_.lerp_(held_mean_, share);
    running_variance_.lerp_(held_variance_, share);
  }

  Tensor log_factor(const Tensor& variance) const {
    return log_scale_ - 0.5 * torch::log(variance + step_.epsilon);
  }

  Result normalised(const Tensor& x, const Tensor& mean, const Tensor& variance) const {
    const Tensor s = log_factor(variance);
    return {torch::exp(s).unsqueeze(1) * (x - mean.unsqueeze(1)) + shift_.unsqueeze(1),
            (s.sum() * x.size(2)).expand({x.size(0)})};
  }

  BatchNorm step_;
  Tensor log_scale_, shift_, running_mean_, running_variance_;
  Tensor held_mean_, held_variance_;  // of the last batch
};

}  // namespace

TorchStepPtr make_torch(const BatchNorm& step) { return std::make_shared<BatchNormTorch>(step); }

}  // namespace fluvox::flow
