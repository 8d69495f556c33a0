#include "flow/knee.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/threads.h"
#include "flow/step_runtime.h"
#include "net/weights.h"
#include "support/made_weights.h"

namespace fluvox::flow {
namespace {

RuntimeStepPtr build(const Knee& knee) {
  static const Tensors none;
  Weights weights(none);
  return make_runtime(knee, weights);
}

// dx/dz at |z| = u, as the header says it in words.
double slope(const Knee& knee, double u) {
  const double along = std::clamp((u - knee.start) / knee.width, 0.0, 1.0);
  return 1 + along * (knee.slope - 1);
}

// x at z: the slope summed up from 0, in pieces too short to matter.
double integral(const Knee& knee, double z) {
  constexpr int kPieces = 20000;
  double sum = 0;
  for (int i = 0; i < kPieces; ++i) sum += slope(knee, std::abs(z) * (i + 0.5) / kPieces);
  return sum * z / kPieces;
}

TEST(Knee, IsTheIntegralOfItsSlopeAndTurnsBack) {
  for (const Knee& knee : {Knee{}, Knee{.start = 0, .width = 2, .slope = 0.3},
                           Knee{.start = 0.5, .width = 0.01, .slope = 1}}) {
    Grid z(301, 1);
    for (int t = 0; t < z.rows; ++t) z.row(t)[0] = 0.02f * static_cast<float>(t - 150);
    const RuntimeStepPtr step = build(knee);
    Threads one(1);
    Grid x = z;
    step->inverse(x, {}, one);
    double log_det = 0;
    for (int t = 0; t < z.rows; ++t) {
      EXPECT_NEAR(x.row(t)[0], integral(knee, z.row(t)[0]), 1e-6) << z.row(t)[0];
      log_det -= std::log(slope(knee, std::abs(double{z.row(t)[0]})));
    }
    Grid back = x;
    std::vector<double> by_row(static_cast<size_t>(z.rows));
    EXPECT_NEAR(step->forward(back, {}, one, by_row.data()), log_det, 1e-4);
    EXPECT_NEAR(by_row[0], -std::log(slope(knee, 3)), 1e-5);
    // What a slope of 0.01 brought together comes apart again as far as float32 can tell.
    for (int t = 0; t < z.rows; ++t)
      EXPECT_NEAR(back.row(t)[0], z.row(t)[0], 1e-7 / slope(knee, std::abs(z.row(t)[0])));
    step->inverse(back, {}, one);
    EXPECT_LT(support::difference(back.values, support::doubles(x.values)), 1e-6);
  }
}

TEST(Knee, SoundsBelowItAreLeftAsTheyAreBitForBit) {
  const RuntimeStepPtr step = build({});
  Threads threads(2);
  Grid x = support::random_grid(9000, 3, 1);
  for (float& v : x.values) v = std::clamp(v, -0.799f, 0.799f);
  Grid same = x;
  EXPECT_EQ(step->forward(same, {}, threads), 0);
  EXPECT_EQ(same.values, x.values);
  step->inverse(same, {}, threads);
  EXPECT_EQ(same.values, x.values);
}

TEST(Knee, WhatIsNearlyTwiceFullScaleStaysWithinIt) {
  const RuntimeStepPtr step = build({});
  Threads one(1);
  Grid z(5, 1);
  z.values = {1.98f, -1.98f, 0.9f, 3, 3.1f};
  step->inverse(z, {}, one);
  EXPECT_LT(z.values[0], 1);
  EXPECT_GT(z.values[0], 0.99f);
  EXPECT_EQ(z.values[1], -z.values[0]);
  EXPECT_LT(z.values[2], z.values[0]);
  EXPECT_LT(z.values[0], z.values[3]);
  EXPECT_LT(z.values[3], z.values[4]);
}

TEST(Knee, ThreadsDoNotChangeIt) {
  const RuntimeStepPtr step = build({});
  Threads one(1), three(3);
  Grid alone = support::random_grid(20000, 1, 2), shared = alone;
  const double expected = step->forward(alone, {}, one);
  EXPECT_EQ(step->forward(shared, {}, three), expected);
  EXPECT_EQ(shared.values, alone.values);
  step->inverse(alone, {}, one);
  step->inverse(shared, {}, three);
  EXPECT_EQ(shared.values, alone.values);
}

}  // namespace
}  // namespace fluvox::flow
