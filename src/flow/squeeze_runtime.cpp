#include "core/error.h"
#include "flow/squeeze.h"
#include "flow/step_runtime.h"

namespace fluvox::flow {
namespace {

class SqueezeRuntime : public RuntimeStep {
 public:
  explicit SqueezeRuntime(const Squeeze& step) : group_(step.group) {}

  StepShape fit(const std::string& where, StepShape in, const ConditionShape&) const override {
    expect_size(where, "channels into squeeze", 1, in.channels);
    return {in.samples * group_, group_};
  }

  // Time-major, the samples of a group already lie side by side.
  double forward(Grid& x, const RuntimeCondition&, Threads&) const override {
    if (x.rows % group_ != 0)
      throw Error(
          Fault::input, "shape-mismatch",
          text("squeeze: expected a length that is a multiple of ", group_, ", found ", x.rows));
    x.rows /= group_;
    x.columns = group_;
    return 0;
  }

  void inverse(Grid& z, const RuntimeCondition&, Threads&) const override {
    z.rows *= group_;
    z.columns = 1;
  }

  double multiply_adds(int) const override { return 0; }
  StepStreamPtr stream() const override { return stream_row_by_row(*this, Sees::nothing); }

 private:
  int group_;
};

}  // namespace

RuntimeStepPtr make_runtime(const Squeeze& step, Weights&) {
  return std::make_unique<SqueezeRuntime>(step);
}

}  // namespace fluvox::flow
