#include "flow/coupling.h"
#include "flow/step_torch.h"

namespace fluvox::flow {
namespace {

class CouplingTorch : public TorchStep {
 public:
  explicit CouplingTorch(const Coupling& step) : step_(step) {
    net_ = register_module("net", net::make_torch_net(step.net, "coupling.net"));
  }

  Result forward(const Tensor& x, const Condition& condition) override {
    const auto [x0, x1] = halves(x);
    const auto [b, s] = shift_and_log_scale(x0, condition);
    return {torch::cat({x0, torch::exp(s) * x1 + b}, 1), sum_per_item(s)};
  }

  Tensor inverse(const Tensor& z, const Condition& condition) override {
    const auto [z0, z1] = halves(z);
    const auto [b, s] = shift_and_log_scale(z0, condition);
    return torch::cat({z0, (z1 - b) * torch::exp(-s)}, 1);
  }

  net::TorchNet* network() override { return net_.get(); }

 private:
  std::pair<Tensor, Tensor> halves(const Tensor& x) const {
    if (x.size(1) != step_.channels || step_.channels % 2 != 0)
      throw Error(Fault::input, "shape-mismatch",
                  text("coupling: expected an even number of channels, ", step_.channels,
                       ", found ", x.size(1)));
    const int64_t half = step_.channels / 2;
    return {x.narrow(1, 0, half), x.narrow(1, half, half)};
  }

  std::pair<Tensor, Tensor> shift_and_log_scale(const Tensor& kept, const Condition& condition) {
    const Tensor out = net_->forward(kept, condition.features);
    const int64_t half = step_.channels / 2;
    return {out.narrow(1, 0, half), bounded_log_scale(out.narrow(1, half, half), step_.limit)};
  }

  Coupling step_;
  net::TorchNetPtr net_;
};

}  // namespace

TorchStepPtr make_torch(const Coupling& step) { return std::make_shared<CouplingTorch>(step); }

}  // namespace fluvox::flow
