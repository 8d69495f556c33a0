#include "flow/whiten.h"

#include <gtest/gtest.h>

#include "core/threads.h"
#include "flow/step_runtime.h"
#include "net/weights.h"
#include "support/made_weights.h"
#include "support/throws.h"

namespace fluvox::flow {
namespace {

RuntimeStepPtr build(int bins, const support::MadeWeights& made) {
  Weights weights(made.tensors);
  return make_runtime(Whiten{bins}, weights);
}

TEST(Whiten, IsTheFormulaAndTurnsBack) {
  for (int frames : {1, 3, 150}) {
    constexpr int kBins = 7;
    support::MadeWeights made(1);
    made.add("bias", {kBins}, 1);
    const std::vector<float> bias = made["bias"];
    const Grid x = support::random_grid(frames, kBins, 2);
    const RuntimeCondition condition{{}, support::random_grid(frames, kBins, 3)};
    std::vector<double> expected;
    double log_det = 0;
    for (int t = 0; t < frames; ++t)
      for (int k = 0; k < kBins; ++k) {
        const double s = double{condition.log_scale.row(t)[k]} + bias[static_cast<size_t>(k)];
        expected.push_back(x.row(t)[k] / std::exp(s));
        log_det -= s;
      }
    const RuntimeStepPtr step = build(kBins, made);
    Threads one(1), three(3);
    Grid z = x, shared = x;
    const double found = step->forward(z, condition, one);
    EXPECT_LT(support::difference(z.values, expected), 1e-6);
    EXPECT_NEAR(found, log_det, 1e-6 * frames * kBins);
    EXPECT_EQ(step->forward(shared, condition, three), found);
    EXPECT_EQ(shared.values, z.values);
    step->inverse(z, condition, one);
    EXPECT_LT(support::difference(z.values, support::doubles(x.values)), 1e-6);
  }
}

TEST(Whiten, RefusesAConditionWithoutItsBins) {
  support::MadeWeights made(1);
  made.add("bias", {6}, 1);
  const auto code = [&](StepShape in, const net::ConditionShape& condition) {
    return support::thrown_by([&] { build(6, made)->fit("steps.1", in, condition); }).code();
  };
  EXPECT_NO_THROW(build(6, made)->fit("steps.1", {6, 6}, {.row_samples = 6, .bins = 6}));
  EXPECT_EQ(code({6, 6}, {.row_samples = 6, .bins = 0}), "shape-mismatch");
  EXPECT_EQ(code({6, 4}, {.row_samples = 6, .bins = 6}), "shape-mismatch");
  EXPECT_EQ(code({3, 6}, {.row_samples = 6, .bins = 6}), "shape-mismatch");
}

}  // namespace
}  // namespace fluvox::flow
