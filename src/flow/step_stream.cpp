#include <limits>

#include "flow/step_runtime.h"

namespace fluvox::flow {
namespace {

class RowByRow : public StepStream {
 public:
  RowByRow(const RuntimeStep& step, Sees sees) : step_(step), sees_(sees) {}

  Grid push(Grid z, const ConditionWindow& condition, bool, Threads& threads) override {
    const int64_t from = done_;
    done_ += z.rows;
    const bool looks = sees_ == Sees::condition;
    step_.inverse(z, looks ? condition.rows(from, done_) : RuntimeCondition(), threads);
    return z;
  }
  int64_t needed() const override { return sees_ == Sees::condition ? done_ : kNothing; }

 private:
  static constexpr int64_t kNothing = std::numeric_limits<int64_t>::max();
  const RuntimeStep& step_;
  Sees sees_;
  int64_t done_ = 0;
};

}  // namespace

StepStreamPtr stream_row_by_row(const RuntimeStep& step, Sees sees) {
  return std::make_unique<RowByRow>(step, sees);
}

}  // namespace fluvox::flow
