#include "flow/grid_coupling.h"

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

constexpr int kMaps = 3;

net::Conv2d small_net() {
  return {.inputs = 1 + 2 * kMaps, .outputs = 2, .channels = 5, .kernel = 3, .dilations = {1, 2}};
}

GridCoupling coupling(const std::string& axis, int keep, double limit = 1.5) {
  return {.axis = axis, .keep = keep, .limit = limit, .net = part_to_json("conv2d", small_net())};
}

MadeWeights weights_of(unsigned seed) {
  MadeWeights made(seed);
  support::make_conv2d(small_net(), made, "net.");
  return made;
}

RuntimeStepPtr build(const GridCoupling& step, const MadeWeights& made) {
  Weights weights(made.tensors);
  return make_runtime(step, weights);
}

struct Expected {
  std::vector<double> z;
  double log_det = 0;
};

// x [frames][bins]. Every changed place (frame, bin) is paired with its kept neighbour and put at
// (row, column).
Expected naive(const GridCoupling& step, const MadeWeights& made, const std::vector<double>& x,
               int frames, int bins, const Grid& features) {
  const Naive maps = support::from_grid(features, kMaps);
  const auto value = [&](int f, int k) {
    return f < 0 ? 0.0
                 : x[static_cast<size_t>(f) * static_cast<size_t>(bins) + static_cast<size_t>(k)];
  };
  const bool over_frames = step.axis == "frames";
  const int rows = over_frames ? (step.keep == 0 ? frames / 2 : (frames + 1) / 2) : frames;
  const int columns = over_frames ? bins : bins / 2;
  Naive seen(1 + 2 * kMaps, rows, columns);
  const auto changed = [&](int r, int c) {
    return over_frames ? std::pair(step.keep == 0 ? 2 * r + 1 : 2 * r, c)
                       : std::pair(r, step.keep == 0 ? 2 * c + 1 : 2 * c);
  };
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c) {
      const auto [frame, bin] = changed(r, c);
      const int kept_frame = over_frames ? frame - 1 : frame;
      const int kept_bin = over_frames ? bin : (step.keep == 0 ? bin - 1 : bin + 1);
      seen.at(0, r, c) = value(kept_frame, kept_bin);
      for (int m = 0; m < kMaps; ++m) {
        seen.at(1 + m, r, c) = maps.at(m, frame, bin);
        seen.at(1 + kMaps + m, r, c) =
            std::as_const(maps).at(m, kept_frame, kept_bin);  // zero before the first
      }
    }
  const Naive out = support::naive_conv2d(small_net(), made, "net.", seen);
  Expected expected{x, 0};
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c) {
      const auto [frame, bin] = changed(r, c);
      double s = out.at(1, r, c);
      if (step.limit > 0) s = step.limit * std::tanh(s / step.limit);
      double& v =
          expected
              .z[static_cast<size_t>(frame) * static_cast<size_t>(bins) + static_cast<size_t>(bin)];
      v = std::exp(s) * v + out.at(0, r, c);
      expected.log_det += s;
    }
  return expected;
}

TEST(GridCoupling, IsTheFormulaAndTurnsBack) {
  unsigned seed = 1;
  for (const char* axis : {"bins", "frames"})
    for (int keep : {0, 1})
      for (int frames : {1, 2, 3, 5, 8, 141}) {
        const int bins = frames > 100 ? 6 : 10;
        const MadeWeights made = weights_of(seed);
        seed += 20;
        const Grid x = support::random_grid(frames, bins, seed++);
        const RuntimeCondition condition{support::random_grid(frames, bins * kMaps, seed++), {}};
        const GridCoupling settings = coupling(axis, keep, frames == 5 ? 0 : 1.5);
        const Expected expected =
            naive(settings, made, support::doubles(x.values), frames, bins, condition.features);
        const RuntimeStepPtr step = build(settings, made);
        Threads one(1);
        Grid z = x;
        const double log_det = step->forward(z, condition, one);
        const auto where = text(axis, ", keep ", keep, ", ", frames, " frames");
        EXPECT_LT(support::difference(z.values, expected.z), 1e-5) << where;
        EXPECT_NEAR(log_det, expected.log_det, 1e-5 * frames) << where;
        for (int n : {2, 3}) {
          Threads threads(n);
          Grid again = x;
          EXPECT_EQ(step->forward(again, condition, threads), log_det) << where;
          EXPECT_EQ(again.values, z.values) << where;
        }
        // Without a bound on the log-scale, small ones magnify the rounding of z.
        step->inverse(z, condition, one);
        EXPECT_LT(support::difference(z.values, support::doubles(x.values)), 2e-4) << where;
      }
}

TEST(GridCoupling, LogDetIsThatOfTheJacobian) {
  unsigned seed = 7;
  for (const char* axis : {"bins", "frames"})
    for (int keep : {0, 1}) {
      constexpr int kFrames = 5, kBins = 4;
      const MadeWeights made = weights_of(seed++);
      const Grid x = support::random_grid(kFrames, kBins, seed++);
      const RuntimeCondition condition{support::random_grid(kFrames, kBins * kMaps, seed++), {}};
      const GridCoupling settings = coupling(axis, keep);
      const double numeric = support::jacobian_log_det(
          [&](const std::vector<double>& v) {
            return naive(settings, made, v, kFrames, kBins, condition.features).z;
          },
          support::doubles(x.values));
      Threads threads(1);
      Grid z = x;
      EXPECT_NEAR(build(settings, made)->forward(z, condition, threads), numeric, 1e-5)
          << axis << keep;
      EXPECT_GT(std::abs(numeric), 1e-2);
    }
}

TEST(GridCoupling, IsCausalInTime) {
  for (const char* axis : {"bins", "frames"})
    for (int keep : {0, 1})
      for (int changed_from : {6, 7}) {
        constexpr int kFrames = 12, kBins = 6;
        const RuntimeStepPtr step = build(coupling(axis, keep), weights_of(9));
        Threads threads(1);
        RuntimeCondition condition{support::random_grid(kFrames, kBins * kMaps, 10), {}};
        const Grid x = support::random_grid(kFrames, kBins, 11);
        Grid before = x, after = x;
        step->inverse(before, condition, threads);
        for (int f = changed_from; f < kFrames; ++f) {
          std::fill(after.row(f), after.row(f) + kBins, 3.0f);
          std::fill(condition.features.row(f), condition.features.row(f) + kBins * kMaps, -2.0f);
        }
        step->inverse(after, condition, threads);
        EXPECT_TRUE(std::equal(before.row(0), before.row(0) + changed_from * kBins, after.row(0)))
            << axis << ", keep " << keep << ", from " << changed_from;
      }
}

TEST(GridCoupling, RefusesWhatDoesNotFit) {
  const MadeWeights made = weights_of(3);
  const net::ConditionShape condition{.row_samples = 6, .channels = kMaps, .bins = 6};
  const auto code = [&](const std::string& axis, StepShape in, const net::ConditionShape& c) {
    return support::thrown_by([&] { build(coupling(axis, 0), made)->fit("steps.2", in, c); })
        .code();
  };
  EXPECT_NO_THROW(build(coupling("bins", 0), made)->fit("steps.2", {6, 6}, condition));
  EXPECT_EQ(code("bins", {6, 5}, {.row_samples = 6, .channels = kMaps, .bins = 5}),
            "shape-mismatch");
  EXPECT_NO_THROW(build(coupling("frames", 0), made)
                      ->fit("steps.2", {6, 5}, {.row_samples = 6, .channels = kMaps, .bins = 5}));
  EXPECT_EQ(code("bins", {6, 8}, condition), "shape-mismatch");
  EXPECT_EQ(code("bins", {12, 6}, condition), "shape-mismatch");
  EXPECT_EQ(code("bins", {6, 6}, {.row_samples = 6, .channels = 4, .bins = 6}), "shape-mismatch");
  GridCoupling with_wn = coupling("bins", 0);
  net::Wn wn{.inputs = 7, .outputs = 2, .channels = 2, .layers = 1, .kernel = 3, .condition = 1};
  with_wn.net = part_to_json("wn", wn);
  MadeWeights of_wn(5);
  support::make_wn(wn, of_wn, "net.");
  EXPECT_EQ(support::thrown_by([&] {
              build(with_wn, of_wn)->fit("steps.2", {6, 6}, condition);
            }).code(),
            "shape-mismatch");
}

}  // namespace
}  // namespace fluvox::flow
