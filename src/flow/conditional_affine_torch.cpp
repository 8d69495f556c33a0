#include "flow/conditional_affine.h"
#include "flow/step_torch.h"

namespace fluvox::flow {
namespace {

class ConditionalAffineTorch : public TorchStep {
 public:
  explicit ConditionalAffineTorch(const ConditionalAffine& step) : step_(step) {
    net_ = register_module("net", net::make_torch_net(step.net, "conditional_affine.net"));
  }

  Result forward(const Tensor& x, const Condition& condition) override {
    return applied(x, shift_and_log_scale(x, condition));
  }

  Tensor inverse(const Tensor& z, const Condition& condition) override {
    return undone(z, shift_and_log_scale(z, condition));
  }

  // The net sees nothing of x: all of it changes.
  Recomputed recompute(const Tensor& z, const Condition& condition) override {
    const auto [x, affine] = recomputed_leaf(
        z, [](const Tensor& t) { return t.narrow(1, 0, 0); }, [](const Tensor& t) { return t; },
        [&](const Tensor& t) { return shift_and_log_scale(t, condition); }, undone);
    return {x, applied(x, affine)};
  }

  net::TorchNet* network() override { return net_.get(); }

 private:
  struct Affine {
    Tensor b, s;
  };

  static Result applied(const Tensor& x, const Affine& affine) {
    return {torch::exp(affine.s) * x + affine.b, sum_per_item(affine.s)};
  }

  static Tensor undone(const Tensor& z, const Affine& affine) {
    return (z - affine.b) * torch::exp(-affine.s);
  }

  Affine shift_and_log_scale(const Tensor& x, const Condition& condition) {
    expect_channels(x, step_.channels);
    expect_condition(x, condition);
    const Tensor out = net_->forward(condition.features, {});
    expect_channels(out, 2 * int64_t{step_.channels});
    return {out.narrow(1, 0, step_.channels),
            bounded_log_scale(out.narrow(1, step_.channels, step_.channels), step_.limit)};
  }

  ConditionalAffine step_;
  net::TorchNetPtr net_;
};

}  // namespace

TorchStepPtr make_torch(const ConditionalAffine& step) {
  return std::make_shared<ConditionalAffineTorch>(step);
}

}  // namespace fluvox::flow
