#include "flow/base_torch.h"

#include <numbers>
#include <vector>

namespace fluvox::flow {
namespace {

const double kLogRootTwoPi = 0.5 * std::log(2 * std::numbers::pi);

Tensor per_item(const Tensor& log_p) { return log_p.flatten(1).sum(1); }

class NormalTorch : public TorchBase {
 public:
  Tensor log_density(const Tensor& z) override {
    return -per_item(0.5 * z.square() + kLogRootTwoPi);
  }
  Tensor draw(at::IntArrayRef shape, const torch::TensorOptions& options) override {
    return torch::randn(shape, options);
  }
};

class LogisticTorch : public TorchBase {
 public:
  Tensor log_density(const Tensor& z) override {
    return -per_item(z.abs() + 2 * torch::log1p(torch::exp(-z.abs())));
  }
  // z = ln(u / (1 - u)) of the upper half, with a sign: u = 1 - p has no more digits than p.
  Tensor draw(at::IntArrayRef shape, const torch::TensorOptions& options) override {
    const Tensor p = (0.5 * torch::rand(shape, options)).clamp_min(1e-12);
    const Tensor magnitude = torch::log1p(-p) - torch::log(p);
    return torch::where(torch::rand(shape, options) < 0.5, magnitude, -magnitude);
  }
};

class MixtureTorch : public TorchBase {
 public:
  explicit MixtureTorch(const Mixture& base) : base_(base) {
    const std::vector<int64_t> shape = {base.channels, base.components};
    logits_ = register_parameter("logits", torch::zeros(shape));
    // Apart, or they would stay equal.
    const Tensor apart =
        base.components > 1 ? torch::linspace(-1.5, 1.5, base.components) : torch::zeros({1});
    means_ = register_parameter("means", apart.expand(shape).clone());
    log_scales_ = register_parameter("log_scales", torch::zeros(shape));
  }

  Tensor log_density(const Tensor& z) override {
    expect_channels(z.size(1));
    const auto of_channel = [](const Tensor& t) { return t.unsqueeze(1).unsqueeze(0); };
    const Tensor s = of_channel(log_scales_);  // [1, channels, 1, components]
    const Tensor d = (z.unsqueeze(3) - of_channel(means_)) * torch::exp(-s);
    const Tensor log_weights = of_channel(torch::log_softmax(logits_, 1));
    return per_item(torch::logsumexp(log_weights - 0.5 * d.square() - s - kLogRootTwoPi, 3));
  }

  Tensor draw(at::IntArrayRef shape, const torch::TensorOptions& options) override {
    expect_channels(shape[1]);
    const int64_t count = shape[0] * shape[2];
    const Tensor choice = torch::multinomial(torch::softmax(logits_, 1).detach(), count, true);
    const Tensor scale = torch::exp(log_scales_.gather(1, choice));
    const Tensor z =
        means_.gather(1, choice) + scale * torch::randn({base_.channels, count}, options);
    return z.reshape({shape[1], shape[0], shape[2]}).transpose(0, 1).contiguous();
  }

 private:
  void expect_channels(int64_t found) const {
    if (found != base_.channels)
      throw Error(Fault::input, "shape-mismatch",
                  text("base: channels of z: expected ", base_.channels, ", found ", found));
  }

  Mixture base_;
  Tensor logits_, means_, log_scales_;
};

TorchBasePtr make_torch(const Normal&) { return std::make_shared<NormalTorch>(); }
TorchBasePtr make_torch(const Logistic&) { return std::make_shared<LogisticTorch>(); }
TorchBasePtr make_torch(const Mixture& base) { return std::make_shared<MixtureTorch>(base); }

}  // namespace

TorchBasePtr make_torch_base(const Json& json, const std::string& where) {
  return make_base(json, where, [](const auto& base) { return make_torch(base); });
}

}  // namespace fluvox::flow
