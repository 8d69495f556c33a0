#include "flow/flow_runtime.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/threads.h"
#include "flow/registry.h"
#include "net/weights.h"

namespace fluvox::flow {
namespace {

// Columns [first, first + count) of x into z, one after another: [count][x.rows]
void gather(const Grid& x, int first, int count, float* z) {
  for (int c = first; c < first + count; ++c)
    for (int t = 0; t < x.rows; ++t) *z++ = x.row(t)[c];
}

void scatter(const float* z, int first, int count, Grid& x) {
  for (int c = first; c < first + count; ++c)
    for (int t = 0; t < x.rows; ++t) x.row(t)[c] = *z++;
}

// Columns [first, first + count) of x, with `before` columns of zeros in front of them
Grid columns_of(const Grid& x, int first, int count, int before = 0) {
  Grid part(x.rows, before + count);
  for (int t = 0; t < x.rows; ++t) std::copy_n(x.row(t) + first, count, part.row(t) + before);
  return part;
}

}  // namespace

void expect_size(const std::string& where, const std::string& what, int64_t expected,
                 int64_t found) {
  if (expected != found)
    throw Error(Fault::input, "shape-mismatch",
                text(where, ": ", what, ": expected ", expected, ", found ", found));
}

RuntimeStepPtr make_runtime_step(const Json& json, const std::string& where, Weights& weights) {
  return make_step(json, where, [&](const auto& step) { return make_runtime(step, weights); });
}

RuntimeFlow::RuntimeFlow(const Spec& spec, Weights& weights) {
  if (kind_of(spec.base, "base") != "normal")
    net::refuse_kind("base", "base", kind_of(spec.base, "base"), {"normal"});
  Weights inner = weights.in("conditioner");
  conditioner_ = net::make_runtime_conditioner(spec.conditioner, "conditioner", inner);
  const ConditionShape condition = conditioner_->shape();

  StepShape shape;
  int left = 0;
  for (size_t i = 0; i < spec.steps.size(); ++i) {
    const std::string where = text("steps.", i);
    if (kind_of(spec.steps[i], where) == "split") {
      const int leaving = part_from_json<Split>(spec.steps[i], where).channels;
      if (leaving >= shape.channels)
        config::refuse(where, text("expected a split that leaves channels of ", shape.channels,
                                   ", found one of ", leaving));
      // All of z has the same positions.
      expect_size(where, "samples in a row at a split", condition.row_samples, shape.samples);
      stages_.push_back({nullptr, leaving});
      shape.channels -= leaving;
      left += leaving;
      continue;
    }
    Weights mine = weights.in(where);
    stages_.push_back({make_runtime_step(spec.steps[i], where, mine), 0});
    shape = stages_.back().step->fit(where, shape, condition);
    const RuntimeStep& step = *stages_.back().step;
    look_ahead_ += step.look_ahead() * shape.samples;
    multiply_adds_ += step.multiply_adds(shape.channels) / static_cast<double>(shape.samples);
  }
  expect_size("steps", "samples in a row of z", condition.row_samples, shape.samples);
  expect_size("steps", "channels of z, one for each sample", shape.samples, left + shape.channels);
  expect_size("conditioner", "samples of a frame beyond whole rows", 0,
              condition.frame_samples % condition.row_samples);
  channels_ = left + shape.channels;
  multiply_adds_ += conditioner_->multiply_adds() / condition.frame_samples;
}

RuntimeCondition RuntimeFlow::condition(const Grid& mel, Threads& threads) const {
  expect_size("mel", "bands", conditioner_->shape().bands, mel.columns);
  return conditioner_->forward(net::with_margins(mel, conditioner_->margins()), threads);
}

RuntimeFlow::Result RuntimeFlow::forward(Grid x, const RuntimeCondition& condition,
                                         Threads& threads) const {
  const auto rows = static_cast<size_t>(condition.features.rows);
  expect_size("audio", "columns", 1, x.columns);
  expect_size("audio", "samples", static_cast<int64_t>(rows * channels_), x.rows);
  Result result;
  result.z.resize(x.values.size());
  float* z = result.z.data();
  for (const Stage& stage : stages_) {
    if (stage.step) {
      result.log_det += stage.step->forward(x, condition, threads);
    } else {
      gather(x, 0, stage.leaving, z);
      z += rows * stage.leaving;
      x = columns_of(x, stage.leaving, x.columns - stage.leaving);
    }
  }
  gather(x, 0, x.columns, z);
  return result;
}

std::vector<float> RuntimeFlow::inverse(std::span<const float> z, const RuntimeCondition& condition,
                                        Threads& threads) const {
  const auto rows = static_cast<size_t>(condition.features.rows);
  expect_size("z", "values", static_cast<int64_t>(rows * channels_),
              static_cast<int64_t>(z.size()));
  int left = 0;
  for (const Stage& stage : stages_) left += stage.leaving;
  Grid x(condition.features.rows, channels_ - left);
  scatter(z.data() + rows * left, 0, x.columns, x);
  for (auto stage = stages_.rbegin(); stage != stages_.rend(); ++stage) {
    if (stage->step) {
      stage->step->inverse(x, condition, threads);
    } else {
      left -= stage->leaving;
      x = columns_of(x, 0, x.columns, stage->leaving);
      scatter(z.data() + rows * left, 0, stage->leaving, x);
    }
  }
  return std::move(x.values);
}

bool RuntimeFlow::streams() const {
  return std::all_of(stages_.begin(), stages_.end(), [](const Stage& stage) {
    return !stage.step || stage.step->stream() != nullptr;
  });
}

double log_density(std::span<const float> z) {
  double squares = 0;
  for (const float v : z) squares += double{v} * v;
  return -0.5 * (squares + static_cast<double>(z.size()) * std::log(2 * std::numbers::pi));
}

}  // namespace fluvox::flow
