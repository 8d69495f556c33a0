#include "flow/coupling.h"

#include <gtest/gtest.h>

#include "core/threads.h"
#include "flow/step_runtime.h"
#include "net/weights.h"
#include "support/jacobian.h"
#include "support/naive_nets.h"
#include "support/throws.h"

namespace fluvox::flow {
namespace {

using support::MadeWeights;
using support::Naive;

constexpr int kCondition = 5;

net::Wn wn_for(int channels, int outputs) {
  return {.inputs = channels / 2,
          .outputs = outputs,
          .channels = 6,
          .layers = 2,
          .kernel = 3,
          .condition = kCondition};
}

Coupling coupling(int channels, double limit) {
  return {
      .channels = channels, .limit = limit, .net = part_to_json("wn", wn_for(channels, channels))};
}

net::Wn wn_of(const Coupling& step) {
  return wn_for(step.channels, (step.shift ? step.channels / 2 : 0) +
                                   (step.scale == "none" ? 0 : step.channels / 2));
}

MadeWeights weights_of(const Coupling& step, unsigned seed) {
  MadeWeights made(seed);
  support::make_wn(wn_of(step), made, "net.");
  return made;
}

struct Expected {
  std::vector<double> z;
  double log_det = 0;
};

// x [T][channels]
Expected naive(const Coupling& step, const MadeWeights& made, const std::vector<double>& x,
               const Grid& features) {
  const int half = step.channels / 2, rows = features.rows;
  std::vector<int> kept_channels, changed_channels;
  for (int c = 0; c < step.channels; ++c) {
    const bool first = step.keep == "first" || step.keep == "second" ? c < half : c % 2 == 0;
    const bool is_kept = first == (step.keep == "first" || step.keep == "even");
    (is_kept ? kept_channels : changed_channels).push_back(c);
  }
  const auto at = [&](int t, int c) { return static_cast<size_t>(t * step.channels + c); };
  Naive kept(half, 1, rows);
  for (int t = 0; t < rows; ++t)
    for (int c = 0; c < half; ++c)
      kept.at(c, 0, t) = x[at(t, kept_channels[static_cast<size_t>(c)])];
  const Naive out =
      support::naive_wn(wn_of(step), made, "net.", kept, support::from_series(features));
  Expected expected{x, 0};
  for (int t = 0; t < rows; ++t)
    for (int c = 0; c < half; ++c) {
      const double b = step.shift ? out.at(c, 0, t) : 0;
      const double raw = step.scale == "none" ? 0 : out.at((step.shift ? half : 0) + c, 0, t);
      double s = step.limit > 0 ? step.limit * std::tanh(raw / step.limit) : raw;
      if (step.scale == "sigmoid") s = std::log(1 / (1 + std::exp(-(raw + 2))));
      double& v = expected.z[at(t, changed_channels[static_cast<size_t>(c)])];
      v = std::exp(s) * v + b;
      expected.log_det += s;
    }
  return expected;
}

RuntimeStepPtr build(const Coupling& step, const MadeWeights& made) {
  Weights weights(made.tensors);
  return make_runtime(step, weights);
}

TEST(Coupling, IsTheFormulaAndTurnsBack) {
  unsigned seed = 1;
  for (double limit : {0.0, 1.5})
    for (int channels : {2, 4, 8})
      for (int rows : {1, 6, 300}) {
        const MadeWeights made = weights_of(coupling(channels, limit), seed);
        seed += 20;
        const Grid x = support::random_grid(rows, channels, seed++);
        const RuntimeCondition condition{support::random_grid(rows, kCondition, seed++), {}};
        const Expected expected =
            naive(coupling(channels, limit), made, support::doubles(x.values), condition.features);
        const RuntimeStepPtr step = build(coupling(channels, limit), made);
        Threads one(1), three(3);
        Grid z = x;
        const double log_det = step->forward(z, condition, one);
        EXPECT_LT(support::difference(z.values, expected.z), 1e-5);
        EXPECT_NEAR(log_det, expected.log_det, 1e-5 * rows);
        EXPECT_GT(std::abs(expected.log_det), 1e-3);
        Grid again = x;
        EXPECT_EQ(step->forward(again, condition, three), log_det);
        EXPECT_EQ(again.values, z.values);
        step->inverse(z, condition, one);
        step->inverse(again, condition, three);
        EXPECT_LT(support::difference(z.values, support::doubles(x.values)), 1e-5);
        EXPECT_EQ(again.values, z.values);
      }
}

TEST(Coupling, EveryHalfAndEveryScaleIsTheFormulaAndTurnsBack) {
  struct Form {
    const char* scale;
    double limit;
    bool shift;
  };
  unsigned seed = 500;
  for (const char* keep : {"first", "second", "even", "odd"})
    for (const Form& form :
         {Form{"exp", 0, true}, Form{"exp", 1.5, false}, Form{"sigmoid", 0, true},
          Form{"sigmoid", 0, false}, Form{"none", 0, true}}) {
      Coupling step{.channels = 6,
                    .keep = keep,
                    .scale = form.scale,
                    .limit = form.limit,
                    .shift = form.shift};
      step.net = part_to_json("wn", wn_of(step));
      const MadeWeights made = weights_of(step, seed);
      seed += 20;
      const Grid x = support::random_grid(300, 6, seed++);
      const RuntimeCondition condition{support::random_grid(300, kCondition, seed++), {}};
      const Expected expected = naive(step, made, support::doubles(x.values), condition.features);
      const RuntimeStepPtr built = build(step, made);
      built->fit("steps.9", {8, 6}, {.row_samples = 8, .channels = kCondition});
      Threads threads(2);
      Grid z = x;
      const double log_det = built->forward(z, condition, threads);
      EXPECT_LT(support::difference(z.values, expected.z), 1e-5) << keep << " " << form.scale;
      EXPECT_NEAR(log_det, expected.log_det, 3e-3) << keep << " " << form.scale;
      built->inverse(z, condition, threads);
      EXPECT_LT(support::difference(z.values, support::doubles(x.values)), 1e-5);
    }
}

// What a model file of before says keeps its meaning.
TEST(Coupling, FieldsLeftOutAreWaveGlows) {
  const auto step = part_from_json<Coupling>(
      {{"kind", "coupling"}, {"channels", 6}, {"limit", 0}, {"net", Json::object()}}, "steps.2");
  EXPECT_EQ(step.keep, "first");
  EXPECT_EQ(step.scale, "exp");
  EXPECT_TRUE(step.shift);
}

TEST(Coupling, RefusesWhatDoesNothingOrIsNotUsed) {
  Coupling step = coupling(4, 0);
  const MadeWeights made = weights_of(step, 1);
  step.scale = "none";
  step.shift = false;
  EXPECT_EQ(support::thrown_by([&] { build(step, made); }).code(), "config-invalid");
  step = coupling(4, 1);
  step.scale = "sigmoid";
  EXPECT_EQ(support::thrown_by([&] { build(step, made); }).code(), "config-invalid");
}

TEST(Coupling, LogDetIsThatOfTheJacobian) {
  const MadeWeights made = weights_of(coupling(4, 1.5), 3);
  const Grid x = support::random_grid(5, 4, 4);
  const RuntimeCondition condition{support::random_grid(5, kCondition, 5), {}};
  const Coupling settings = coupling(4, 1.5);
  const double numeric = support::jacobian_log_det(
      [&](const std::vector<double>& v) { return naive(settings, made, v, condition.features).z; },
      support::doubles(x.values));
  Threads threads(1);
  Grid z = x;
  EXPECT_NEAR(build(settings, made)->forward(z, condition, threads), numeric, 1e-5);
}

TEST(Coupling, RefusesANetThatDoesNotFit) {
  const MadeWeights made = weights_of(coupling(4, 0), 3);
  const net::ConditionShape condition{.row_samples = 8, .channels = kCondition};
  const auto code = [&](const Coupling& settings, StepShape in, const net::ConditionShape& c) {
    const Error error = support::thrown_by([&] { build(settings, made)->fit("steps.9", in, c); });
    EXPECT_NE(std::string(error.what()).find("steps.9"), std::string::npos) << error.what();
    return error.code();
  };
  const Coupling right = coupling(4, 0);
  EXPECT_NO_THROW(build(right, made)->fit("steps.9", {8, 4}, condition));
  EXPECT_EQ(code(right, {8, 6}, condition), "shape-mismatch");
  EXPECT_EQ(code(right, {4, 4}, condition), "shape-mismatch");
  EXPECT_EQ(code(right, {8, 4}, {.row_samples = 8, .channels = 7}), "shape-mismatch");
  Coupling wrong = right;
  wrong.channels = 6;
  EXPECT_EQ(code(wrong, {8, 6}, condition), "shape-mismatch");
  wrong.channels = 5;
  EXPECT_EQ(support::thrown_by([&] { build(wrong, made); }).code(), "config-invalid");
}

}  // namespace
}  // namespace fluvox::flow
