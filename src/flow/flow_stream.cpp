#include "flow/flow_stream.h"

#include <algorithm>
#include <utility>

#include "core/threads.h"

namespace fluvox::flow {
namespace {

// Pieces that go through the steps one behind the other have at least so many samples and, where
// there is more, about twice as many.
constexpr int64_t kLeastSamples = 1024;

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
    costs_.push_back(stage->multiply_adds);
    left_ += stage->leaving * joined;
  }
  int before = left_;
  for (Stage& stage : stages_) stage.first_channel = before -= stage.leaving * stage.joined;
  remaining_ = flow.channels() - left_;
  rows_of_position_ = static_cast<int>(flow.channels() / shape.row_samples);
  samples_ = flow.channels();
  convoy_ = shape.bins > 0;
}

// The rows of z that left at a split and come back beside the next `rows` rows, unfolded.
Grid FlowStream::come_back(Stage& split, int rows) const {
  const int64_t first = split.done / split.joined;
  split.done += rows;
  const int64_t end = (split.done + split.joined - 1) / split.joined;
  const Grid z = noise_(split.first_channel, split.leaving * split.joined, first,
                        static_cast<int>(end - first));
  Grid unfolded(rows, split.leaving);
  for (int t = 0; t < rows; ++t) {
    const int64_t row = split.done - rows + t;
    const auto phase = static_cast<int>(row % split.joined);
    const float* from = z.row(static_cast<int>(row / split.joined - first));
    for (int c = 0; c < split.leaving; ++c) unfolded.row(t)[c] = from[c * split.joined + phase];
  }
  return unfolded;
}

Grid FlowStream::pass(Stage& stage, Grid x, bool last, Threads& threads) {
  if (!stage.step) return beside(come_back(stage, x.rows), x);
  return stage.step->push(std::move(x), conditions_.at(stage.fold), last, threads);
}

// How many pieces so many positions are cut into, as many for each thread; 1 where threads had
// better share a step. Over bins a net uses each weight many times in a short piece already.
// Another net would fetch all of its weights, more than the caches hold, for a few rows.
int FlowStream::pieces(int positions, const Threads& threads) const {
  const auto size = static_cast<int64_t>(threads.size());
  const int64_t samples = int64_t{positions} * samples_;
  if (!convoy_ || size == 1 || size > static_cast<int64_t>(stages_.size())) return 1;
  if (samples < kLeastSamples * size) return 1;
  return static_cast<int>(size * std::max<int64_t>(samples / (2 * kLeastSamples * size), 1));
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
  const auto noise = [&](int from, int to) {
    return noise_(left_, remaining_, positions_ + from, to - from);
  };
  std::vector<float> samples;
  const int count = pieces(positions, threads);
  if (count == 1) {
    Grid x = noise(0, positions);
    for (Stage& stage : stages_) x = pass(stage, std::move(x), last, threads);
    samples = std::move(x.values);
  } else {
    Threads alone(1);
    std::vector<Grid> made(static_cast<size_t>(count));
    const auto border = [&](int piece) {
      return static_cast<int>(int64_t{positions} * piece / count);
    };
    threads.convoy(count, costs_, [&](int piece, int stage) {
      Grid& x = made[static_cast<size_t>(piece)];
      if (stage == 0) x = noise(border(piece), border(piece + 1));
      x = pass(stages_[static_cast<size_t>(stage)], std::move(x), last && piece + 1 == count,
               alone);
    });
    for (const Grid& x : made) samples.insert(samples.end(), x.values.begin(), x.values.end());
  }
  positions_ += positions;

  std::map<int, int64_t> needed;
  for (const Stage& stage : stages_) {
    if (!stage.step) continue;
    const auto [at, fresh] = needed.emplace(stage.fold, stage.step->needed());
    at->second = std::min(at->second, stage.step->needed());
  }
  for (auto& [fold, window] : conditions_) {
    if (!needed.count(fold)) continue;
    window.features.forget(needed[fold]);
    window.log_scale.forget(needed[fold]);
  }
  return samples;
}

}  // namespace fluvox::flow
