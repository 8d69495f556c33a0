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
    const auto [b, s] = shift_and_log_scale(x, condition);
    return {torch::exp(s) * x + b, sum_per_item(s)};
  }

  Tensor inverse(const Tensor& z, const Condition& condition) override {
    const auto [b, s] = shift_and_log_scale(z, condition);
    return (z - b) * torch::exp(-s);
  }

  net::TorchNet* network() override { return net_.get(); }

 private:
  std::pair<Tensor, Tensor> shift_and_log_scale(const Tensor& x, const Condition& condition) {
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
