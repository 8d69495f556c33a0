#include <vector>

#include "core/threads.h"
#include "flow/step_runtime.h"
#include "flow/whiten.h"
#include "net/anywhere.h"
#include "net/weights.h"

namespace fluvox::flow {
namespace {

constexpr int kPiece = 64;  // frames

class WhitenRuntime : public RuntimeStep {
 public:
  WhitenRuntime(const Whiten& step, Weights& weights) : bias_(weights.take("bias", {step.bins})) {}

  StepShape fit(const std::string& where, StepShape in,
                const ConditionShape& condition) const override {
    expect_size(where, "bins of whiten", in.channels, static_cast<int>(bias_.size()));
    expect_size(where, "bins of the condition's log-scale", in.channels, condition.bins);
    expect_size(where, "samples in a row of the condition", in.samples, condition.row_samples);
    return in;
  }

  double forward(Grid& x, const RuntimeCondition& condition, Threads& threads,
                 double* by_row) const override {
    std::vector<double> sums(static_cast<size_t>(x.rows));
    each_row(x, condition, threads, [&](int t, float* values, const float* log_scale) {
      for (size_t k = 0; k < bias_.size(); ++k) {
        const float s = log_scale[k] + bias_[k];
        values[k] *= net::exp_anywhere(-s);
        sums[static_cast<size_t>(t)] -= s;
      }
    });
    return total_of(sums, by_row);
  }

  void inverse(Grid& z, const RuntimeCondition& condition, Threads& threads) const override {
    each_row(z, condition, threads, [&](int, float* values, const float* log_scale) {
      for (size_t k = 0; k < bias_.size(); ++k)
        values[k] *= net::exp_anywhere(log_scale[k] + bias_[k]);
    });
  }

  double multiply_adds(int channels) const override { return channels; }
  StepStreamPtr stream() const override { return stream_row_by_row(*this, Sees::condition); }

 private:
  template <class Row>
  static void each_row(Grid& x, const RuntimeCondition& condition, Threads& threads, Row row) {
    net::in_pieces(threads, x.rows, kPiece, [&](int first, int last) {
      for (int t = first; t < last; ++t) row(t, x.row(t), condition.log_scale.row(t));
    });
  }

  std::vector<float> bias_;
};

}  // namespace

RuntimeStepPtr make_runtime(const Whiten& step, Weights& weights) {
  return std::make_unique<WhitenRuntime>(step, weights);
}

}  // namespace fluvox::flow
