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
    return applied(x, shift_and_log_scale(kept_of(x, condition), condition));
  }

  Tensor inverse(const Tensor& z, const Condition& condition) override {
    const Tensor kept = kept_of(z, condition);
    const Affine affine = shift_and_log_scale(kept, condition);
    return merge_halves(kept, undone(changed_half(z, halves_), affine), halves_);
  }

  Recomputed recompute(const Tensor& z, const Condition& condition) override {
    const auto [x, affine] = recomputed_leaf(
        z, [&](const Tensor& t) { return kept_of(t, condition); },
        [&](const Tensor& t) { return changed_half(t, halves_); },
        [&](const Tensor& t) { return shift_and_log_scale(kept_of(t, condition), condition); },
        undone);
    return {x, applied(x, affine)};
  }

  net::TorchNet* network() override { return net_.get(); }

 private:
  struct Affine {
    Tensor b, s;  // undefined where the coupling has none
  };

  Result applied(const Tensor& x, const Affine& affine) const {
    const auto& [b, s] = affine;
    Tensor changed = changed_half(x, halves_);
    if (s.defined()) changed = torch::exp(s) * changed;
    if (b.defined()) changed = changed + b;
    const Tensor log_det = s.defined() ? sum_per_item(s) : torch::zeros({x.size(0)}, x.options());
    return {merge_halves(kept_half(x, halves_), changed, halves_), log_det};
  }

  static Tensor undone(const Tensor& z, const Affine& affine) {
    const Tensor moved = affine.b.defined() ? z - affine.b : z;
    return affine.s.defined() ? moved * torch::exp(-affine.s) : moved;
  }

  Tensor kept_of(const Tensor& x, const Condition& condition) const {
    expect_channels(x, step_.channels);
    expect_condition(x, condition);
    return kept_half(x, halves_);
  }

  Affine shift_and_log_scale(const Tensor& kept, const Condition& condition) {
    Tensor features = condition.features;
    if (step_.condition == "half")
      features = kept_half(features, halves_of(step_.keep, static_cast<int>(features.size(1)),
                                               place + ".condition"));
    const Tensor out = net_->forward(kept, features);
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
