#include "flow/flow_stream.h"

#include <algorithm>
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
  const ConditionShape shape = flow.condition_shape();
  for (auto stage = flow.stages_.rbegin(); stage != flow.stages_.rend(); ++stage) {
    const int joined = flow.joined(*stage);
    stages_.push_back({stage->step ? stage->step->stream() : nullptr,
                       rows_to_fold(shape, stage->samples), stage->leaving, joined});
    left_ += stage->leaving * joined;
  }
  remaining_ = flow.channels() - left_;
  rows_of_position_ = static_cast<int>(flow.channels() / shape.row_samples);
}

// The rows of z that left at a split and come back beside the next `rows` rows, unfolded.
Grid FlowStream::come_back(Stage& split, int first_channel, int rows) const {
  const int64_t first = split.done / split.joined;
  split.done += rows;
  const int64_t end = (split.done + split.joined - 1) / split.joined;
  const Grid z =
      noise_(first_channel, split.leaving * split.joined, first, static_cast<int>(end - first));
  Grid unfolded(rows, split.leaving);
  for (int t = 0; t < rows; ++t) {
    const int64_t row = split.done - rows + t;
    const auto phase = static_cast<int>(row % split.joined);
    const float* from = z.row(static_cast<int>(row / split.joined - first));
    for (int c = 0; c < split.leaving; ++c) unfolded.row(t)[c] = from[c * split.joined + phase];
  }
  return unfolded;
}

std::vector<float> FlowStream::push(const RuntimeCondition& condition, bool last,
                                    Threads& threads) {
  for (const Stage& stage : stages_) {
    if (conditions_.count(stage.fold)) continue;
    conditions_[stage.fold] = {net::Window(condition.features.columns * stage.fold),
                               net::Window(condition.log_scale.columns)};
  }
  for (auto& [fold, window] : conditions_) {
    if (condition.features.rows == 0) break;
    window.features.append(fold == 1 ? condition.features : folded_rows(condition.features, fold));
    window.log_scale.append(condition.log_scale);
  }

  const int positions = condition.features.rows / rows_of_position_;
  Grid x = noise_(left_, remaining_, positions_, positions);
  positions_ += positions;
  std::map<int, int64_t> needed;
  int before = left_;
  for (Stage& stage : stages_) {
    if (stage.step) {
      x = stage.step->push(std::move(x), conditions_[stage.fold], last, threads);
      const auto [at, fresh] = needed.emplace(stage.fold, stage.step->needed());
      at->second = std::min(at->second, stage.step->needed());
    } else {
      before -= stage.leaving * stage.joined;
      x = beside(come_back(stage, before, x.rows), x);
    }
  }
  for (auto& [fold, window] : conditions_) {
    if (!needed.count(fold)) continue;
    window.features.forget(needed[fold]);
    window.log_scale.forget(needed[fold]);
  }
  return std::move(x.values);
}

}  // namespace fluvox::flow
