#include "flow/coupling.h"
#include "flow/halves_torch.h"
#include "flow/step_torch.h"

namespace fluvox::flow {
namespace {

class CouplingTorch : public TorchStep {
 public:
  explicit CouplingTorch(const Coupling& step)
      : step_(step), halves_(halves_of(step.keep, step.channels, "coupling")) {
    check(step);
    net_ = register_module("net", net::make_torch_net(step.net, "coupling.net"));
  }

  Result forward(const Tensor& x, const Condition& condition) override {
    const Tensor kept = kept_of(x, condition);
    const auto [b, s] = shift_and_log_scale(kept, condition);
    Tensor changed = changed_half(x, halves_);
    if (s.defined()) changed = torch::exp(s) * changed;
    if (b.defined()) changed = changed + b;
    const Tensor log_det = s.defined() ? sum_per_item(s) : torch::zeros({x.size(0)}, x.options());
    return {merge_halves(kept, changed, halves_), log_det};
  }

  Tensor inverse(const Tensor& z, const Condition& condition) override {
    const Tensor kept = kept_of(z, condition);
    const auto [b, s] = shift_and_log_scale(kept, condition);
    Tensor changed = changed_half(z, halves_);
    if (b.defined()) changed = changed - b;
    if (s.defined()) changed = changed * torch::exp(-s);
    return merge_halves(kept, changed, halves_);
  }

  net::TorchNet* network() override { return net_.get(); }

 private:
  Tensor kept_of(const Tensor& x, const Condition& condition) const {
    expect_channels(x, step_.channels);
    expect_condition(x, condition);
    return kept_half(x, halves_);
  }

  // Undefined where the coupling has none.
  std::pair<Tensor, Tensor> shift_and_log_scale(const Tensor& kept, const Condition& condition) {
    const Tensor out = net_->forward(kept, condition.features);
    const int64_t half = halves_.count;
    expect_channels(out, (step_.shift ? half : 0) + (step_.scale == "none" ? 0 : half));
    Tensor b, s;
    if (step_.shift) b = out.narrow(1, 0, half);
    if (step_.scale != "none") {
      const Tensor raw = out.narrow(1, out.size(1) - half, half);
      s = step_.scale == "sigmoid" ? torch::log_sigmoid(raw + 2)
                                   : bounded_log_scale(raw, step_.limit);
    }
    return {b, s};
  }

  Coupling step_;
  Halves halves_;
  net::TorchNetPtr net_;
};

}  // namespace

TorchStepPtr make_torch(const Coupling& step) { return std::make_shared<CouplingTorch>(step); }

}  // namespace fluvox::flow
