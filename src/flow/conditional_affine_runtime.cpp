#include "flow/affine.h"
#include "flow/conditional_affine.h"
#include "flow/step_runtime.h"
#include "net/weights.h"

namespace fluvox::flow {
namespace {

class ConditionalAffineRuntime : public RuntimeStep {
 public:
  ConditionalAffineRuntime(const ConditionalAffine& step, Weights& weights)
      : channels_(step.channels), limit_(step.limit) {
    Weights inner = weights.in("net");
    net_ = net::make_runtime_net(step.net, weights.path("net"), inner);
  }

  StepShape fit(const std::string& where, StepShape in,
                const ConditionShape& condition) const override {
    expect_size(where, "channels into conditional_affine", channels_, in.channels);
    expect_size(where, "samples in a row of the condition", in.samples, condition.row_samples);
    const net::NetShape net = net_->shape();
    expect_size(where, "inputs of the net, the channels of the condition", condition.channels,
                net.inputs);
    expect_size(where, "outputs of the net", 2 * int64_t{channels_}, net.outputs);
    expect_size(where, "channels of the net's own condition", 0, net.condition);
    return in;
  }

  double forward(Grid& x, const RuntimeCondition& condition, Threads& threads,
                 double* by_row) const override {
    const Grid out = net_->forward(condition.features, nullptr, threads);
    return affine_forward(x.rows, channels_, {x.values.data(), channels_}, affine(out), threads,
                          by_row);
  }

  void inverse(Grid& z, const RuntimeCondition& condition, Threads& threads) const override {
    const Grid out = net_->forward(condition.features, nullptr, threads);
    invert(z, out, threads);
  }

  StepStreamPtr stream() const override {
    return stream_beside_net(net_->stream(), {channels_, nullptr, nullptr,
                                              [this](Grid& z, const Grid& out, Threads& threads) {
                                                invert(z, out, threads);
                                              }});
  }
  int64_t look_ahead() const override { return net_->look_ahead(); }
  double multiply_adds(int channels) const override { return net_->multiply_adds() + channels; }

 private:
  void invert(Grid& z, const Grid& out, Threads& threads) const {
    affine_inverse(z.rows, channels_, {z.values.data(), channels_}, affine(out), threads);
  }

  Affine affine(const Grid& out) const {
    return {{out.values.data(), out.columns},
            bounded_log_scale({out.values.data() + channels_, out.columns}, limit_)};
  }

  int channels_;
  double limit_;
  net::RuntimeNetPtr net_;
};

}  // namespace

RuntimeStepPtr make_runtime(const ConditionalAffine& step, Weights& weights) {
  return std::make_unique<ConditionalAffineRuntime>(step, weights);
}

}  // namespace fluvox::flow
