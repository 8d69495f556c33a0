// The steps that are one scale and one shift a channel: scale, actnorm, batchnorm.
#include <gtest/gtest.h>

#include <cmath>

#include "core/threads.h"
#include "flow/actnorm.h"
#include "flow/batchnorm.h"
#include "flow/scale.h"
#include "flow/step_runtime.h"
#include "net/weights.h"
#include "support/made_weights.h"
#include "support/throws.h"

namespace fluvox::flow {
namespace {

constexpr int kRows = 1100;

// z = factor x + shift, by channel
void expect_map(const RuntimeStep& step, const std::vector<double>& factor,
                const std::vector<double>& shift) {
  const auto channels = static_cast<int>(factor.size());
  const Grid x = support::random_grid(kRows, channels, 4);
  std::vector<double> expected;
  double log_det = 0;
  for (int t = 0; t < kRows; ++t)
    for (size_t c = 0; c < factor.size(); ++c)
      expected.push_back(factor[c] * x.row(t)[c] + shift[c]);
  for (const double f : factor) log_det += kRows * std::log(f);
  Threads one(1), three(3);
  Grid z = x, again = x;
  EXPECT_NEAR(step.forward(z, {}, one), log_det, 1e-9 * kRows);
  EXPECT_LT(support::difference(z.values, expected), 1e-6);
  step.forward(again, {}, three);
  EXPECT_EQ(again.values, z.values);
  step.inverse(z, {}, one);
  EXPECT_LT(support::difference(z.values, support::doubles(x.values)), 1e-6);
  EXPECT_NO_THROW(step.fit("steps.1", {8, channels}, {}));
  EXPECT_EQ(support::thrown_by([&] {
              step.fit("steps.1", {8, channels + 1}, {});
            }).code(),
            "shape-mismatch");
}

TEST(ChannelAffine, Scale) {
  support::MadeWeights made(0);
  made.set("log_scale", {3}, {0.5f, -2, 0});
  Weights weights(made.tensors);
  expect_map(*make_runtime(Scale{3}, weights), {std::exp(0.5), std::exp(-2.0), 1}, {0, 0, 0});
}

TEST(ChannelAffine, ActNorm) {
  support::MadeWeights made(0);
  made.set("log_scale", {2}, {0.5f, -2});
  made.set("bias", {2}, {3, -1});
  made.set("initialised", {1}, {1});
  Weights weights(made.tensors);
  expect_map(*make_runtime(ActNorm{2}, weights), {std::exp(0.5), std::exp(-2.0)},
             {3 * std::exp(0.5), -std::exp(-2.0)});
  weights.refuse_leftovers();
}

support::MadeWeights batchnorm_weights(float variance) {
  support::MadeWeights made(0);
  made.set("log_scale", {2}, {0.5f, -2});
  made.set("shift", {2}, {3, -1});
  made.set("running_mean", {2}, {2, 0.5f});
  made.set("running_variance", {2}, {variance, 0.25f});
  return made;
}

TEST(ChannelAffine, BatchNorm) {
  const support::MadeWeights made = batchnorm_weights(4);
  Weights weights(made.tensors);
  const double first = std::exp(0.5) / std::sqrt(4.125), second = std::exp(-2.0) / std::sqrt(0.375);
  expect_map(*make_runtime(BatchNorm{.channels = 2, .epsilon = 0.125}, weights), {first, second},
             {3 - 2 * first, -1 - 0.5 * second});
}

TEST(ChannelAffine, RefusesANegativeVariance) {
  const support::MadeWeights made = batchnorm_weights(-4);
  Weights weights(made.tensors);
  EXPECT_EQ(support::thrown_by([&] { make_runtime(BatchNorm{.channels = 2}, weights); }).code(),
            "variance-negative");
}

}  // namespace
}  // namespace fluvox::flow
