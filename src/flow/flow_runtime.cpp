#include "flow/flow_runtime.h"

#include <algorithm>

#include "core/threads.h"
#include "flow/registry.h"
#include "net/weights.h"

namespace fluvox::flow {
namespace {

// Columns [0, count) of x into z, one after another, `joined` rows folded into one:
// [count * joined][x.rows / joined], as a squeeze of many channels does.
void gather(const Grid& x, int count, int joined, float* z) {
  for (int c = 0; c < count; ++c)
    for (int phase = 0; phase < joined; ++phase)
      for (int t = phase; t < x.rows; t += joined) *z++ = x.row(t)[c];
}

void scatter(const float* z, int count, int joined, Grid& x) {
  for (int c = 0; c < count; ++c)
    for (int phase = 0; phase < joined; ++phase)
      for (int t = phase; t < x.rows; t += joined) x.row(t)[c] = *z++;
}

// Columns [first, first + count) of x, with `before` columns of zeros in front of them
Grid columns_of(const Grid& x, int first, int count, int before = 0) {
  Grid part(x.rows, before + count);
  for (int t = 0; t < x.rows; ++t) std::copy_n(x.row(t) + first, count, part.row(t) + before);
  return part;
}

ConditionShape folded(ConditionShape shape, int64_t samples) {
  const int n = rows_to_fold(shape, samples);
  shape.row_samples *= n;
  shape.channels *= n;
  return shape;
}

// The condition at the resolution of the step that asks; the last one folded is kept.
class Conditions {
 public:
  Conditions(const RuntimeCondition& condition, const ConditionShape& shape)
      : condition_(condition), shape_(shape) {}

  const RuntimeCondition& at(int64_t samples) {
    const int n = rows_to_fold(shape_, samples);
    if (n == 1) return condition_;
    if (n != folded_) {
      mine_.features = folded_rows(condition_.features, n);
      folded_ = n;
    }
    return mine_;
  }

 private:
  const RuntimeCondition& condition_;
  ConditionShape shape_;
  RuntimeCondition mine_;
  int folded_ = 1;
};

}  // namespace

int rows_to_fold(const ConditionShape& condition, int64_t samples) {
  if (condition.bins > 0 || samples % condition.row_samples != 0) return 1;
  return static_cast<int>(samples / condition.row_samples);
}

Grid folded_rows(const Grid& from, int n) {
  Grid folded(from.rows / n, from.columns * n);
  for (int t = 0; t < folded.rows; ++t) {
    float* to = folded.row(t);
    for (int c = 0; c < from.columns; ++c)
      for (int phase = 0; phase < n; ++phase) *to++ = from.row(t * n + phase)[c];
  }
  return folded;
}

void expect_size(const std::string& where, const std::string& what, int64_t expected,
                 int64_t found) {
  if (expected != found)
    throw Error(Fault::input, "shape-mismatch",
                text(where, ": ", what, ": expected ", expected, ", found ", found));
}

double total_of(std::span<const double> shares, double* by_row) {
  double total = 0;
  for (size_t t = 0; t < shares.size(); ++t) {
    total += shares[t];
    if (by_row) by_row[t] += shares[t];
  }
  return total;
}

double total_of(int rows, double share, double* by_row) {
  if (by_row)
    for (int t = 0; t < rows; ++t) by_row[t] += share;
  return rows * share;
}

RuntimeStepPtr make_runtime_step(const Json& json, const std::string& where, Weights& weights) {
  RuntimeStepPtr made = make_step(json, where, [&]<class Step>(const Step& step) -> RuntimeStepPtr {
    if constexpr (HasRuntime<Step>) {
      return make_runtime(step, weights);
    } else {
      throw Error(Fault::input, "runtime-missing",
                  text(where, ": a step of kind '", kind_of(json, where),
                       "' can be trained, but has no runtime body yet"));
    }
  });
  made->place = where;
  return made;
}

RuntimeFlow::RuntimeFlow(const Spec& spec, Weights& weights, net::Precision precision) {
  Weights inner = weights.in("conditioner");
  conditioner_ = net::make_runtime_conditioner(spec.conditioner, "conditioner", inner);
  const ConditionShape condition = conditioner_->shape();

  StepShape shape;
  for (size_t i = 0; i < spec.steps.size(); ++i) {
    const std::string where = text("steps.", i);
    if (kind_of(spec.steps[i], where) == "split") {
      const int leaving = part_from_json<Split>(spec.steps[i], where).channels;
      if (leaving >= shape.channels)
        config::refuse(where, text("expected a split that leaves channels of ", shape.channels,
                                   ", found one of ", leaving));
      stages_.push_back({nullptr, leaving, shape.samples});
      shape.channels -= leaving;
      continue;
    }
    Weights mine = weights.in(where).multiplied_in(precision);
    stages_.push_back({make_runtime_step(spec.steps[i], where, mine), 0, shape.samples});
    const RuntimeStep& step = *stages_.back().step;
    shape = step.fit(where, shape, folded(condition, shape.samples));
    look_ahead_ += step.look_ahead() * shape.samples;
    stages_.back().multiply_adds =
        step.multiply_adds(shape.channels) / static_cast<double>(shape.samples);
    multiply_adds_ += stages_.back().multiply_adds;
  }
  // All of z has the positions of what remains.
  int64_t channels = shape.channels;
  for (const Stage& stage : stages_) channels += stage.leaving * (shape.samples / stage.samples);
  expect_size("steps", "channels of z, one for each sample", shape.samples, channels);
  expect_size("conditioner", "samples of a frame beyond whole rows", 0,
              condition.frame_samples % condition.row_samples);
  expect_size("steps", "samples of a frame beyond whole positions of z", 0,
              condition.frame_samples % shape.samples);
  channels_ = static_cast<int>(channels);
  multiply_adds_ += conditioner_->multiply_adds() / condition.frame_samples;

  Weights base = weights.in("base");
  base_ = make_runtime_base(spec.base, "base", base);
  if (base_->channels() != 0) expect_size("base", "channels of z", channels_, base_->channels());
}

bool RuntimeFlow::streams() const {
  return std::all_of(stages_.begin(), stages_.end(), [](const Stage& stage) {
    return !stage.step || stage.step->stream() != nullptr;
  });
}

double RuntimeFlow::log_density(std::span<const float> z) const {
  const size_t positions = z.size() / static_cast<size_t>(channels_);
  double sum = 0;
  for (int channel = 0; channel < channels_; ++channel)
    sum +=
        base_->log_density(z.subspan(static_cast<size_t>(channel) * positions, positions), channel);
  return sum;
}

RuntimeCondition RuntimeFlow::condition(const Grid& mel, Threads& threads) const {
  expect_size("mel", "bands", conditioner_->shape().bands, mel.columns);
  return conditioner_->forward(net::with_margins(mel, conditioner_->margins()), threads);
}

std::vector<double> RuntimeFlow::log_densities(std::span<const float> z, int positions) const {
  const size_t all = z.size() / static_cast<size_t>(channels_),
               each = static_cast<size_t>(positions);
  std::vector<double> sums(all / each);
  for (int channel = 0; channel < channels_; ++channel) {
    const std::span<const float> mine = z.subspan(static_cast<size_t>(channel) * all, all);
    for (size_t i = 0; i < sums.size(); ++i)
      sums[i] += base_->log_density(mine.subspan(i * each, each), channel);
  }
  return sums;
}

RuntimeFlow::Result RuntimeFlow::forward(Grid x, const RuntimeCondition& condition,
                                         Threads& threads, std::vector<double>* by_position) const {
  const ConditionShape shape = conditioner_->shape();
  const int64_t samples = int64_t{condition.features.rows} * shape.row_samples;
  expect_size("audio", "columns", 1, x.columns);
  expect_size("audio", "samples", samples, x.rows);
  expect_size("audio", "samples beyond whole positions of z", 0, samples % channels_);
  Conditions conditions(condition, shape);
  Result result;
  result.z.resize(x.values.size());
  float* z = result.z.data();
  const auto positions = static_cast<size_t>(samples / channels_);
  if (by_position) by_position->assign(positions, 0);
  std::vector<double> by_row;
  for (const Stage& stage : stages_) {
    if (stage.step) {
      if (by_position) by_row.assign(static_cast<size_t>(x.rows), 0);
      result.log_det += stage.step->forward(x, conditions.at(stage.samples), threads,
                                            by_position ? by_row.data() : nullptr);
      // A step that squeezes has no shares.
      const size_t rows = by_row.size() / positions;  // of a position
      for (size_t t = 0; t < by_row.size(); ++t) (*by_position)[t / rows] += by_row[t];
    } else {
      gather(x, stage.leaving, joined(stage), z);
      z += static_cast<size_t>(x.rows) * static_cast<size_t>(stage.leaving);
      x = columns_of(x, stage.leaving, x.columns - stage.leaving);
    }
  }
  gather(x, x.columns, 1, z);
  return result;
}

std::vector<float> RuntimeFlow::inverse(std::span<const float> z, const RuntimeCondition& condition,
                                        Threads& threads) const {
  const ConditionShape shape = conditioner_->shape();
  const int64_t samples = int64_t{condition.features.rows} * shape.row_samples;
  expect_size("z", "values", samples, static_cast<int64_t>(z.size()));
  expect_size("z", "samples beyond whole positions", 0, samples % channels_);
  const auto positions = static_cast<int>(samples / channels_);
  int left = 0;  // channels of z that left before this stage
  for (const Stage& stage : stages_) left += stage.leaving * joined(stage);
  const auto from = [&] { return z.data() + static_cast<size_t>(positions) * left; };
  Conditions conditions(condition, shape);
  Grid x(positions, channels_ - left);
  scatter(from(), x.columns, 1, x);
  for (auto stage = stages_.rbegin(); stage != stages_.rend(); ++stage) {
    if (stage->step) {
      stage->step->inverse(x, conditions.at(stage->samples), threads);
    } else {
      left -= stage->leaving * joined(*stage);
      x = columns_of(x, 0, x.columns, stage->leaving);
      scatter(from(), stage->leaving, joined(*stage), x);
    }
  }
  return std::move(x.values);
}

}  // namespace fluvox::flow
