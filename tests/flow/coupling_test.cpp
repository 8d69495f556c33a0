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

net::Wn wn_for(int channels) {
  return {.inputs = channels / 2,
          .outputs = channels,
          .channels = 6,
          .layers = 2,
          .kernel = 3,
          .condition = kCondition};
}

Coupling coupling(int channels, double limit) {
  return {.channels = channels, .limit = limit, .net = part_to_json("wn", wn_for(channels))};
}

MadeWeights weights_of(int channels, unsigned seed) {
  MadeWeights made(seed);
  support::make_wn(wn_for(channels), made, "net.");
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
  Naive kept(half, 1, rows);
  for (int t = 0; t < rows; ++t)
    for (int c = 0; c < half; ++c) kept.at(c, 0, t) = x[static_cast<size_t>(t * step.channels + c)];
  const Naive out =
      support::naive_wn(wn_for(step.channels), made, "net.", kept, support::from_series(features));
  Expected expected{x, 0};
  for (int t = 0; t < rows; ++t)
    for (int c = 0; c < half; ++c) {
      double s = out.at(half + c, 0, t);
      if (step.limit > 0) s = step.limit * std::tanh(s / step.limit);
      double& v = expected.z[static_cast<size_t>(t * step.channels + half + c)];
      v = std::exp(s) * v + out.at(c, 0, t);
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
        const MadeWeights made = weights_of(channels, seed);
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

TEST(Coupling, LogDetIsThatOfTheJacobian) {
  const MadeWeights made = weights_of(4, 3);
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
  const MadeWeights made = weights_of(4, 3);
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
  EXPECT_EQ(code(wrong, {8, 5}, condition), "shape-mismatch");
}

}  // namespace
}  // namespace fluvox::flow
