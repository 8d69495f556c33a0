#include <cmath>

#include "flow/masked.h"
#include "flow/step_runtime.h"
#include "net/weights.h"

namespace fluvox::flow {
namespace {

class MaskedRuntime : public RuntimeStep {
 public:
  MaskedRuntime(const Masked& step, Weights& weights)
      : channels_(step.channels), ways_(ways(step)), limit_(static_cast<float>(step.limit)) {
    Weights inner = weights.in("net");
    net_ = net::make_runtime_net(step.net, weights.path("net"), inner);
    if (net_->order() != net::Order::time && net_->order() != net::Order::channels)
      throw Error(Fault::input, "net-not-autoregressive",
                  text(weights.path("net"),
                       ": expected a net that is autoregressive over time or channels (causal_wn, "
                       "made), found '",
                       kind_of(step.net, weights.path("net")), "'"));
  }

  StepShape fit(const std::string& where, StepShape in,
                const ConditionShape& condition) const override {
    expect_size(where, "channels into masked", channels_, in.channels);
    expect_size(where, "samples in a row of the condition", in.samples, condition.row_samples);
    const net::NetShape net = net_->shape();
    expect_size(where, "inputs of the net", channels_, net.inputs);
    expect_size(where, "outputs of the net", 2 * channels_, net.outputs);
    expect_size(where, "channels of the net's condition", condition.channels, net.condition);
    return in;
  }

  double forward(Grid& x, const RuntimeCondition& condition, Threads& threads) const override {
    const auto standardised = [](float v, float b, float s) { return (v - b) * std::exp(-s); };
    return -(ways_.parallel_forward ? at_once(x, condition, threads, standardised)
                                    : serial(x, condition, threads, standardised));
  }

  void inverse(Grid& z, const RuntimeCondition& condition, Threads& threads) const override {
    const auto scaled = [](float v, float b, float s) { return v * std::exp(s) + b; };
    if (ways_.parallel_inverse)
      at_once(z, condition, threads, scaled);
    else
      serial(z, condition, threads, scaled);
  }

 private:
  // One row through `map`, with the net's output [b; raw] for it; columns [first, last). The sum of
  // s is returned.
  template <class Map>
  double row(float* values, const float* out, int first, int last, Map map) const {
    double sum = 0;
    for (int c = first; c < last; ++c) {
      const float raw = out[channels_ + c];
      const float s = limit_ > 0 ? limit_ * std::tanh(raw / limit_) : raw;
      values[c] = map(values[c], out[c], s);
      sum += s;
    }
    return sum;
  }

  template <class Map>
  double at_once(Grid& x, const RuntimeCondition& condition, Threads& threads, Map map) const {
    const Grid out = net_->forward(x, &condition.features, threads);
    double sum = 0;
    for (int t = 0; t < x.rows; ++t) sum += row(x.row(t), out.row(t), 0, channels_, map);
    return sum;
  }

  template <class Map>
  double serial(Grid& x, const RuntimeCondition& condition, Threads& threads, Map map) const {
    double sum = 0;
    if (net_->order() == net::Order::channels) {
      for (int c = 0; c < channels_; ++c) {
        const Grid out = net_->forward(x, &condition.features, threads);
        for (int t = 0; t < x.rows; ++t) sum += row(x.row(t), out.row(t), c, c + 1, map);
      }
      return sum;
    }
    const auto net = net_->serial(1);
    std::vector<float> out(2 * static_cast<size_t>(channels_));
    const std::vector<float> nothing(static_cast<size_t>(channels_));
    for (int t = 0; t < x.rows; ++t) {
      net->next(t > 0 ? x.row(t - 1) : nothing.data(), condition.features.row(t), out.data(),
                threads);
      sum += row(x.row(t), out.data(), 0, channels_, map);
    }
    return sum;
  }

  int channels_;
  Ways ways_;
  float limit_;
  net::RuntimeNetPtr net_;
};

}  // namespace

RuntimeStepPtr make_runtime(const Masked& step, Weights& weights) {
  return std::make_unique<MaskedRuntime>(step, weights);
}

}  // namespace fluvox::flow
