#include "flow/coupling.h"
#include "flow/halves_torch.h"
#include "flow/step_torch.h"
#include "ops/ops.h"

namespace fluvox::flow {
namespace {

class CouplingTorch : public TorchStep {
 public:
  explicit CouplingTorch(const Coupling& step)
      : step_(step),
        halves_(halves_of(step.keep, step.channels, "coupling")),
        affine_{step.shift, step.scale, step.limit} {
    check(step);
    net_ = register_module("net", net::make_torch_net(step.net, "coupling.net"));
  }

  Result forward(const Tensor& x, const Condition& condition) override {
    return applied(x, shift_and_scale(kept_of(x, condition), condition));
  }

  Tensor inverse(const Tensor& z, const Condition& condition) override {
    return ops::coupling_inverse(z, shift_and_scale(kept_of(z, condition), condition), changing(),
                                 affine_);
  }

  Recomputed recompute(const Tensor& z, const Condition& condition) override {
    const auto [x, made] = recomputed_leaf(
        z, [&](const Tensor& t) { return kept_of(t, condition); },
        [&](const Tensor& t) { return changed_half(t, halves_); },
        [&](const Tensor& t) { return shift_and_scale(kept_of(t, condition), condition); },
        [&](const Tensor& t, const Tensor& net) {
          return ops::coupling_inverse(t, net, {}, affine_);
        });
    return {x, applied(x, made)};
  }

  net::TorchNet* network() override { return net_.get(); }

 private:
  ops::Changing changing() const { return {1, halves_.changed, halves_.stride}; }

  Result applied(const Tensor& x, const Tensor& made) const {
    const auto [z, log_det] = ops::coupling(x, made, changing(), affine_);
    return {z, log_det};
  }

  Tensor kept_of(const Tensor& x, const Condition& condition) const {
    expect_channels(x, step_.channels);
    expect_condition(x, condition);
    return kept_half(x, halves_);
  }

  // What the net makes of the kept half, [B, parts, channels / 2, T]: b, raw, or both.
  Tensor shift_and_scale(const Tensor& kept, const Condition& condition) {
    Tensor features = condition.features;
    if (step_.condition == "half")
      features = kept_half(features, halves_of(step_.keep, static_cast<int>(features.size(1)),
                                               place + ".condition"));
    const Tensor out = net_->forward(kept, features);
    const int64_t parts = (step_.shift ? 1 : 0) + (step_.scale == "none" ? 0 : 1);
    expect_channels(out, parts * halves_.count);
    return out.unflatten(1, {parts, halves_.count});
  }

  Coupling step_;
  Halves halves_;
  ops::Affine affine_;
  net::TorchNetPtr net_;
};

}  // namespace

TorchStepPtr make_torch(const Coupling& step) { return std::make_shared<CouplingTorch>(step); }

}  // namespace fluvox::flow
