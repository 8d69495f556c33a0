#include "flow/conditional_affine.h"
#include "flow/step_torch.h"
#include "ops/ops.h"

namespace fluvox::flow {
namespace {

class ConditionalAffineTorch : public TorchStep {
 public:
  explicit ConditionalAffineTorch(const ConditionalAffine& step)
      : step_(step), affine_{true, "exp", step.limit} {
    net_ = register_module("net", net::make_torch_net(step.net, "conditional_affine.net"));
  }

  Result forward(const Tensor& x, const Condition& condition) override {
    return applied(x, shift_and_scale(x, condition));
  }

  Tensor inverse(const Tensor& z, const Condition& condition) override {
    return ops::coupling_inverse(z, shift_and_scale(z, condition), {}, affine_);
  }

  // The net sees nothing of x: all of it changes.
  Recomputed recompute(const Tensor& z, const Condition& condition) override {
    const auto [x, made] = recomputed_leaf(
        z, [](const Tensor& t) { return t.narrow(1, 0, 0); }, [](const Tensor& t) { return t; },
        [&](const Tensor& t) { return shift_and_scale(t, condition); },
        [&](const Tensor& t, const Tensor& net) {
          return ops::coupling_inverse(t, net, {}, affine_);
        });
    return {x, applied(x, made)};
  }

  net::TorchNet* network() override { return net_.get(); }

 private:
  Result applied(const Tensor& x, const Tensor& made) const {
    const auto [z, log_det] = ops::coupling(x, made, {}, affine_);
    return {z, log_det};
  }

  // b and raw, [B, 2, channels, T]
  Tensor shift_and_scale(const Tensor& x, const Condition& condition) {
    expect_channels(x, step_.channels);
    expect_condition(x, condition);
    const Tensor out = net_->forward(condition.features, {});
    expect_channels(out, 2 * int64_t{step_.channels});
    return out.unflatten(1, {2, step_.channels});
  }

  ConditionalAffine step_;
  ops::Affine affine_;
  net::TorchNetPtr net_;
};

}  // namespace

TorchStepPtr make_torch(const ConditionalAffine& step) {
  return std::make_shared<ConditionalAffineTorch>(step);
}

}  // namespace fluvox::flow
