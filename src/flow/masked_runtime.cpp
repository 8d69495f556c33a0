#include <algorithm>

#include "flow/masked.h"
#include "flow/step_runtime.h"
#include "net/anywhere.h"
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

  StepStreamPtr stream() const override;
  double multiply_adds(int) const override {
    const bool again = !ways_.parallel_inverse && net_->order() == net::Order::channels;
    return net_->multiply_adds() * (again ? channels_ : 1);
  }

  double forward(Grid& x, const RuntimeCondition& condition, Threads& threads,
                 double* by_row) const override {
    const auto standardised = [](float v, float b, float s) {
      return (v - b) * net::exp_anywhere(-s);
    };
    return -(ways_.parallel_forward ? at_once(x, condition, threads, standardised, by_row)
                                    : serial(x, condition, threads, standardised, by_row));
  }

  void inverse(Grid& z, const RuntimeCondition& condition, Threads& threads) const override {
    if (ways_.parallel_inverse)
      at_once(z, condition, threads, scaled, nullptr);
    else
      serial(z, condition, threads, scaled, nullptr);
  }

 private:
  friend class MaskedStream;

  static double taken(double share, int t, double* by_row) {
    if (by_row) by_row[t] -= share;
    return share;
  }
  static float scaled(float v, float b, float s) { return v * net::exp_anywhere(s) + b; }

  // One row through `map`, with the net's output [b; raw] for it; columns [first, last). The sum of
  // s is returned.
  template <class Map>
  double row(float* values, const float* out, int first, int last, Map map) const {
    double sum = 0;
    for (int c = first; c < last; ++c) {
      const float raw = out[channels_ + c];
      const float s = limit_ > 0 ? limit_ * net::tanh_anywhere(raw / limit_) : raw;
      values[c] = map(values[c], out[c], s);
      sum += s;
    }
    return sum;
  }

  // The sum of s is returned, and by_row, where given, loses each row's.
  template <class Map>
  double at_once(Grid& x, const RuntimeCondition& condition, Threads& threads, Map map,
                 double* by_row) const {
    const Grid out = net_->forward(x, &condition.features, threads);
    double sum = 0;
    for (int t = 0; t < x.rows; ++t)
      sum += taken(row(x.row(t), out.row(t), 0, channels_, map), t, by_row);
    return sum;
  }

  template <class Map>
  double serial(Grid& x, const RuntimeCondition& condition, Threads& threads, Map map,
                double* by_row) const {
    double sum = 0;
    if (net_->order() == net::Order::channels) {
      for (int c = 0; c < channels_; ++c) {
        const Grid out = net_->forward(x, &condition.features, threads);
        for (int t = 0; t < x.rows; ++t)
          sum += taken(row(x.row(t), out.row(t), c, c + 1, map), t, by_row);
      }
      return sum;
    }
    const auto net = net_->serial(1);
    std::vector<float> out(2 * static_cast<size_t>(channels_));
    const std::vector<float> nothing(static_cast<size_t>(channels_));
    for (int t = 0; t < x.rows; ++t) {
      net->next(t > 0 ? x.row(t - 1) : nothing.data(), condition.features.row(t), out.data(),
                threads);
      sum += taken(row(x.row(t), out.data(), 0, channels_, map), t, by_row);
    }
    return sum;
  }

  int channels_;
  Ways ways_;
  float limit_;
  net::RuntimeNetPtr net_;
};

// Sample after sample: the net goes on where it stood.
class MaskedStream : public StepStream {
 public:
  explicit MaskedStream(const MaskedRuntime& step)
      : step_(step), net_(step.net_->serial(1)), before_(static_cast<size_t>(step.channels_)) {}

  Grid push(Grid z, const ConditionWindow& condition, bool, Threads& threads) override {
    std::vector<float> out(2 * before_.size());
    for (int t = 0; t < z.rows; ++t) {
      net_->next(before_.data(), condition.features.row(done_++), out.data(), threads);
      step_.row(z.row(t), out.data(), 0, step_.channels_, MaskedRuntime::scaled);
      std::copy_n(z.row(t), step_.channels_, before_.begin());
    }
    return z;
  }
  int64_t needed() const override { return done_; }

 private:
  const MaskedRuntime& step_;
  std::unique_ptr<net::SerialNet> net_;
  std::vector<float> before_;
  int64_t done_ = 0;
};

StepStreamPtr MaskedRuntime::stream() const {
  if (net_->order() == net::Order::channels) return stream_row_by_row(*this, Sees::condition);
  if (!ways_.parallel_inverse) return std::make_unique<MaskedStream>(*this);
  return stream_beside_net(net_->stream(), {channels_, [](const Grid& z) { return z; }, nullptr,
                                            [this](Grid& z, const Grid& out, Threads&) {
                                              for (int t = 0; t < z.rows; ++t)
                                                row(z.row(t), out.row(t), 0, channels_, scaled);
                                            }});
}

}  // namespace

RuntimeStepPtr make_runtime(const Masked& step, Weights& weights) {
  return std::make_unique<MaskedRuntime>(step, weights);
}

}  // namespace fluvox::flow
