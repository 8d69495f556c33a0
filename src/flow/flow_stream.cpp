#include "flow/flow_stream.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace fluvox::flow {
namespace {

// The columns of two grids side by side.
Grid beside(const Grid& a, const Grid& b) {
  Grid both(a.rows, a.columns + b.columns);
  for (int t = 0; t < a.rows; ++t) {
    std::copy_n(a.row(t), a.columns, both.row(t));
    std::copy_n(b.row(t), b.columns, both.row(t) + a.columns);
  }
  return both;
}

}  // namespace

FlowStream::FlowStream(const RuntimeFlow& flow, Noise noise) : noise_(std::move(noise)) {
  for (auto stage = flow.stages_.rbegin(); stage != flow.stages_.rend(); ++stage) {
    stages_.push_back({stage->step ? stage->step->stream() : nullptr, stage->leaving});
    left_ += stage->leaving;
  }
  remaining_ = flow.channels() - left_;
}

std::vector<float> FlowStream::push(const RuntimeCondition& condition, bool last,
                                    Threads& threads) {
  if (condition_.features.columns() == 0) {
    condition_.features = net::Window(condition.features.columns);
    condition_.log_scale = net::Window(condition.log_scale.columns);
  }
  const int64_t first = condition_.features.end();
  condition_.features.append(condition.features);
  condition_.log_scale.append(condition.log_scale);

  Grid x = noise_(left_, remaining_, first, condition.features.rows);
  int64_t needed = std::numeric_limits<int64_t>::max();
  int before = left_;
  for (Stage& stage : stages_) {
    if (stage.step) {
      x = stage.step->push(std::move(x), condition_, last, threads);
      needed = std::min(needed, stage.step->needed());
    } else {
      before -= stage.leaving;
      x = beside(noise_(before, stage.leaving, stage.done, x.rows), x);
      stage.done += x.rows;
    }
  }
  condition_.features.forget(needed);
  condition_.log_scale.forget(needed);
  return std::move(x.values);
}

}  // namespace fluvox::flow
