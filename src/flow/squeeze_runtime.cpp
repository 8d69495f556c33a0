#include <utility>

#include "core/error.h"
#include "flow/squeeze.h"
#include "flow/step_runtime.h"

namespace fluvox::flow {
namespace {

class SqueezeRuntime : public RuntimeStep {
 public:
  explicit SqueezeRuntime(const Squeeze& step) : group_(step.group), channels_(step.channels) {}

  StepShape fit(const std::string& where, StepShape in, const ConditionShape&) const override {
    expect_size(where, "channels into squeeze", channels_, in.channels);
    return {in.samples * group_, channels_ * group_};
  }

  double forward(Grid& x, const RuntimeCondition&, Threads&, double*) const override {
    if (x.rows % group_ != 0)
      throw Error(Fault::input, "shape-mismatch",
                  text(place, ": squeeze: expected a length that is a multiple of ", group_,
                       ", found ", x.rows));
    const int rows = x.rows / group_;
    transpose(x, group_, channels_);
    x.rows = rows;
    x.columns = channels_ * group_;
    return 0;
  }

  void inverse(Grid& z, const RuntimeCondition&, Threads&) const override {
    transpose(z, channels_, group_);
    z.rows *= group_;
    z.columns = channels_;
  }

  double multiply_adds(int) const override { return 0; }
  StepStreamPtr stream() const override { return stream_row_by_row(*this, Sees::nothing); }

 private:
  // Every block of a x b values becomes b x a. Time-major, the samples of one channel already lie
  // side by side: nothing is to be done for it.
  static void transpose(Grid& x, int a, int b) {
    if (a == 1 || b == 1) return;
    Grid to = x;
    const std::ptrdiff_t block = std::ptrdiff_t{a} * b;
    const std::ptrdiff_t size = static_cast<std::ptrdiff_t>(x.values.size());
    for (std::ptrdiff_t at = 0; at < size; at += block)
      for (int i = 0; i < a; ++i)
        for (int j = 0; j < b; ++j)
          to.values[static_cast<size_t>(at + std::ptrdiff_t{j} * a + i)] =
              x.values[static_cast<size_t>(at + std::ptrdiff_t{i} * b + j)];
    x = std::move(to);
  }

  int group_, channels_;
};

}  // namespace

RuntimeStepPtr make_runtime(const Squeeze& step, Weights&) {
  return std::make_unique<SqueezeRuntime>(step);
}

}  // namespace fluvox::flow
