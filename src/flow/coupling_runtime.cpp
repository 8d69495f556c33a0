#include <algorithm>

#include "flow/affine.h"
#include "flow/coupling.h"
#include "flow/step_runtime.h"
#include "net/weights.h"

namespace fluvox::flow {
namespace {

class CouplingRuntime : public RuntimeStep {
 public:
  CouplingRuntime(const Coupling& step, Weights& weights)
      : channels_(step.channels), half_(step.channels / 2), limit_(step.limit) {
    Weights inner = weights.in("net");
    net_ = net::make_runtime_net(step.net, weights.path("net"), inner);
  }

  StepShape fit(const std::string& where, StepShape in,
                const ConditionShape& condition) const override {
    expect_size(where, "channels into coupling", channels_, in.channels);
    expect_size(where, "channels left over after halving", 0, channels_ % 2);
    expect_size(where, "samples in a row of the condition", in.samples, condition.row_samples);
    const net::NetShape net = net_->shape();
    expect_size(where, "inputs of the net", half_, net.inputs);
    expect_size(where, "outputs of the net", channels_, net.outputs);
    expect_size(where, "channels of the net's condition", condition.channels, net.condition);
    return in;
  }

  StepStreamPtr stream() const override;
  int64_t look_ahead() const override { return net_->look_ahead(); }
  double multiply_adds(int) const override { return net_->multiply_adds() + half_; }

  double forward(Grid& x, const RuntimeCondition& condition, Threads& threads) const override {
    const Grid out = net_->forward(kept(x), &condition.features, threads);
    return affine_forward(x.rows, half_, changed(x), affine(out), threads);
  }

  void inverse(Grid& z, const RuntimeCondition& condition, Threads& threads) const override {
    const Grid out = net_->forward(kept(z), &condition.features, threads);
    affine_inverse(z.rows, half_, changed(z), affine(out), threads);
  }

 private:
  friend class CouplingStream;

  Grid kept(const Grid& x) const {
    Grid half(x.rows, half_);
    for (int t = 0; t < x.rows; ++t) std::copy(x.row(t), x.row(t) + half_, half.row(t));
    return half;
  }

  kernels::View changed(Grid& x) const { return {x.values.data() + half_, channels_}; }

  Affine affine(const Grid& out) const {
    return {{out.values.data(), channels_}, {out.values.data() + half_, channels_}, limit_};
  }

  int channels_, half_;
  double limit_;
  net::RuntimeNetPtr net_;
};

// Rows of z wait until the net has seen as far beyond them as it looks.
class CouplingStream : public StepStream {
 public:
  explicit CouplingStream(const CouplingRuntime& step)
      : step_(step), net_(step.net_->stream()), waiting_(step.channels_) {}

  Grid push(Grid z, const ConditionWindow& condition, bool last, Threads& threads) override {
    const int64_t from = net_->done();
    const Grid out = net_->push(step_.kept(z), &condition.features, last, threads);
    waiting_.append(z);
    Grid ready = waiting_.rows(from, net_->done());
    waiting_.forget(net_->done());
    affine_inverse(ready.rows, step_.half_, step_.changed(ready), step_.affine(out), threads);
    return ready;
  }
  int64_t needed() const override { return net_->done(); }

 private:
  const CouplingRuntime& step_;
  net::NetStreamPtr net_;
  net::Window waiting_;
};

StepStreamPtr CouplingRuntime::stream() const {
  if (!net_->stream()) return nullptr;
  return std::make_unique<CouplingStream>(*this);
}

}  // namespace

RuntimeStepPtr make_runtime(const Coupling& step, Weights& weights) {
  return std::make_unique<CouplingRuntime>(step, weights);
}

}  // namespace fluvox::flow
