#include "flow/affine.h"
#include "flow/coupling.h"
#include "flow/halves_runtime.h"
#include "flow/step_runtime.h"
#include "net/weights.h"

namespace fluvox::flow {
namespace {

class CouplingRuntime : public RuntimeStep {
 public:
  CouplingRuntime(const Coupling& step, Weights& weights)
      : step_(step), halves_(halves_of(step.keep, step.channels, weights.path("coupling"))) {
    check(step);
    Weights inner = weights.in("net");
    net_ = net::make_runtime_net(step.net, weights.path("net"), inner);
  }

  StepShape fit(const std::string& where, StepShape in,
                const ConditionShape& condition) const override {
    expect_size(where, "channels into coupling", step_.channels, in.channels);
    expect_size(where, "samples in a row of the condition", in.samples, condition.row_samples);
    const net::NetShape net = net_->shape();
    expect_size(where, "inputs of the net", halves_.count, net.inputs);
    expect_size(where, "outputs of the net", (step_.shift ? halves_.count : 0) + scales(),
                net.outputs);
    expect_size(where, "channels of the net's condition", condition.channels, net.condition);
    return in;
  }

  double forward(Grid& x, const RuntimeCondition& condition, Threads& threads) const override {
    const Grid out = net_->forward(kept_half(x, halves_), &condition.features, threads);
    return affine_forward(x.rows, halves_.count, changed_half(x, halves_), affine(out), threads);
  }

  void inverse(Grid& z, const RuntimeCondition& condition, Threads& threads) const override {
    const Grid out = net_->forward(kept_half(z, halves_), &condition.features, threads);
    affine_inverse(z.rows, halves_.count, changed_half(z, halves_), affine(out), threads);
  }

 private:
  int scales() const { return step_.scale == "none" ? 0 : halves_.count; }

  // out [rows][b; raw], either of which may be absent
  Affine affine(const Grid& out) const {
    const kernels::ConstView b = {out.values.data(), out.columns};
    const kernels::ConstView raw = {out.values.data() + (step_.shift ? halves_.count : 0),
                                    out.columns};
    Affine affine{step_.shift ? b : zeros(), {zeros()}};
    if (step_.scale == "exp") affine.scale = bounded_log_scale(raw, step_.limit);
    if (step_.scale == "sigmoid") affine.scale = {raw, kernels::ScaleBound::sigmoid};
    return affine;
  }

  Coupling step_;
  Halves halves_;
  net::RuntimeNetPtr net_;
};

}  // namespace

RuntimeStepPtr make_runtime(const Coupling& step, Weights& weights) {
  return std::make_unique<CouplingRuntime>(step, weights);
}

}  // namespace fluvox::flow
