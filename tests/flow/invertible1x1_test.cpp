#include "flow/invertible1x1.h"

#include <gtest/gtest.h>

#include "core/threads.h"
#include "flow/step_runtime.h"
#include "net/weights.h"
#include "support/jacobian.h"
#include "support/made_weights.h"
#include "support/throws.h"

namespace fluvox::flow {
namespace {

RuntimeStepPtr build(int channels, const std::vector<float>& weight) {
  support::MadeWeights made(0);
  made.set("steps.4.weight", {channels, channels}, weight);
  Weights weights(made.tensors);
  Weights mine = weights.in("steps.4");
  return make_runtime(Invertible1x1{channels}, mine);
}

TEST(Invertible1x1, IsTheFormulaAndTurnsBack) {
  unsigned seed = 1;
  for (int channels : {1, 2, 4, 6, 8, 17, 40})
    for (int rows : {1, 3, 1100}) {
      const auto n = static_cast<size_t>(channels);
      const std::vector<float> weight = support::random_values(n * n, 1, seed++);
      const Grid x = support::random_grid(rows, channels, seed++);
      std::vector<double> expected;
      std::vector<std::vector<double>> matrix(n, std::vector<double>(n));
      for (size_t o = 0; o < n; ++o)
        for (size_t i = 0; i < n; ++i) matrix[o][i] = weight[o * n + i];
      for (int t = 0; t < rows; ++t)
        for (size_t o = 0; o < n; ++o) {
          double sum = 0;
          for (size_t i = 0; i < n; ++i) sum += matrix[o][i] * x.row(t)[i];
          expected.push_back(sum);
        }
      const RuntimeStepPtr step = build(channels, weight);
      Threads one(1), three(3);
      Grid z = x;
      const double log_det = step->forward(z, {}, one);
      EXPECT_LT(support::difference(z.values, expected), 1e-6);
      EXPECT_NEAR(log_det, rows * support::log_abs_det(matrix), 1e-9 * (1 + std::abs(log_det)));
      Grid again = x;
      EXPECT_EQ(step->forward(again, {}, three), log_det);
      EXPECT_EQ(again.values, z.values);
      step->inverse(z, {}, one);
      step->inverse(again, {}, three);
      EXPECT_LT(support::difference(z.values, support::doubles(x.values)), 2e-4)
          << channels << " channels";
      EXPECT_EQ(again.values, z.values);
    }
}

TEST(Invertible1x1, ANegativeDeterminantIsFine) {
  Threads threads(1);
  Grid x(10, 2);
  EXPECT_NEAR(build(2, {0, 3, 2, 0})->forward(x, {}, threads), 10 * std::log(6.0), 1e-12);
}

TEST(Invertible1x1, PivotsWhereTheDiagonalIsZero) {
  Threads threads(1);
  Grid x(1, 3);
  x.values = {1, 2, 3};
  const RuntimeStepPtr step = build(3, {0, 0, 2, 1, 0, 0, 0, 4, 0});
  step->forward(x, {}, threads);
  EXPECT_EQ(x.values, (std::vector<float>{6, 1, 8}));
  step->inverse(x, {}, threads);
  EXPECT_EQ(x.values, (std::vector<float>{1, 2, 3}));
}

TEST(Invertible1x1, BadlyScaledIsNotSingular) {
  Threads threads(1);
  Grid x(1, 2);
  x.values = {1, 1};
  build(2, {1e10f, 0, 0, 1e-10f})->inverse(x, {}, threads);
  EXPECT_FLOAT_EQ(x.values[0], 1e-10f);
  EXPECT_FLOAT_EQ(x.values[1], 1e10f);
}

TEST(Invertible1x1, RefusesASingularMatrixByName) {
  const std::vector<std::vector<float>> matrices = {
      {1, 2, 2, 4},              // rows that depend on each other
      {0, 0, 0, 0},              // nothing
      {0.1f, 0.3f, 0.2f, 0.6f},  // dependent but for rounding
      {1e-45f, 0, 0, 1},         // an inverse that is infinite in float
  };
  for (const auto& matrix : matrices) {
    const Error error = support::thrown_by([&] { build(2, matrix); });
    EXPECT_EQ(error.code(), "matrix-singular");
    EXPECT_NE(std::string(error.what()).find("steps.4.weight"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace fluvox::flow
