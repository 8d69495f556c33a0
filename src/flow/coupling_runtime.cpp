#include <utility>

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
    int seen = condition.channels;
    if (step_.condition == "half")
      seen = halves_of(step_.keep, condition.channels, where + ".condition").count;
    expect_size(where, "channels of the net's condition", seen, net.condition);
    return in;
  }

  StepStreamPtr stream() const override {
    BesideNet how{step_.channels, [this](const Grid& z) { return kept_half(z, halves_); }, nullptr,
                  [this](Grid& z, const Grid& out, Threads& threads) { invert(z, out, threads); }};
    if (step_.condition == "half")
      how.seen = [this](const Grid& features) { return matching_half(features); };
    return stream_beside_net(net_->stream(), std::move(how));
  }
  int64_t look_ahead() const override { return net_->look_ahead(); }
  double multiply_adds(int) const override { return net_->multiply_adds() + scales(); }

  double forward(Grid& x, const RuntimeCondition& condition, Threads& threads,
                 double* by_row) const override {
    const Grid out = net_output(x, condition.features, threads);
    return affine_forward(x.rows, halves_.count, changed_half(x, halves_), affine(out), threads,
                          by_row);
  }

  void inverse(Grid& z, const RuntimeCondition& condition, Threads& threads) const override {
    invert(z, net_output(z, condition.features, threads), threads);
  }

 private:
  void invert(Grid& z, const Grid& out, Threads& threads) const {
    affine_inverse(z.rows, halves_.count, changed_half(z, halves_), affine(out), threads);
  }

  int scales() const { return step_.scale == "none" ? 0 : halves_.count; }

  Grid net_output(const Grid& x, const Grid& features, Threads& threads) const {
    if (step_.condition != "half") return net_->forward(kept_half(x, halves_), &features, threads);
    const Grid half = matching_half(features);
    return net_->forward(kept_half(x, halves_), &half, threads);
  }

  Grid matching_half(const Grid& features) const {
    return kept_half(features, halves_of(step_.keep, features.columns, "condition"));
  }

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
