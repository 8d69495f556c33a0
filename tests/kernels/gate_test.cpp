#include "kernels/gate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace fluvox::kernels {
namespace {

double gate(double u, double v) { return std::tanh(u) / (1 + std::exp(-v)); }

// Every pair of a grid that is fine around zero and reaches +-100.
TEST(Gate, AgreesWithFloat64) {
  std::vector<float> points = {0};
  for (float p = 1e-6f; p < 101; p *= 1.3f) points.insert(points.end(), {p, -p});
  points.insert(points.end(), {100.0f, -100.0f});
  double worst = 0;
  for (const float u : points)
    for (const float v : points) {
      const float a[] = {u, v};
      float y = NAN;
      gate_cpu(1, 1, a, 2, nullptr, 0, &y, 1);
      ASSERT_FALSE(std::isnan(y)) << u << ' ' << v;
      const double expected = gate(u, v);
      // Relative, down to where exp(-v) overflows and y becomes 0.
      worst = std::max(worst, std::abs(y - expected) / (std::abs(expected) + 1e-30));
    }
  EXPECT_LT(worst, 3e-7);
}

TEST(Gate, ExtremesGiveLimits) {
  const float a[] = {INFINITY, INFINITY, -INFINITY, INFINITY, INFINITY, -INFINITY, 1e38f, -1e38f};
  float y[4];
  gate_cpu(4, 1, a, 2, nullptr, 0, y, 1);
  EXPECT_EQ(y[0], 1);
  EXPECT_EQ(y[1], -1);
  EXPECT_EQ(y[2], 0);
  EXPECT_EQ(y[3], 0);
}

TEST(Gate, AddsTheConditionAndKeepsToItsStrides) {
  const int rows = 5, channels = 3;
  std::mt19937 engine(1);
  std::normal_distribution<float> distribution(0, 2);
  std::vector<float> a(rows * 8), q(rows * 7), y(rows * 4, 77);
  for (float& value : a) value = distribution(engine);
  for (float& value : q) value = distribution(engine);
  gate_cpu(rows, channels, a.data(), 8, q.data(), 7, y.data(), 4);
  for (std::size_t t = 0; t < rows; ++t) {
    for (std::size_t c = 0; c < channels; ++c) {
      const float u = a[t * 8 + c] + q[t * 7 + c], v = a[t * 8 + 3 + c] + q[t * 7 + 3 + c];
      EXPECT_NEAR(y[t * 4 + c], gate(u, v), 2e-7);
    }
    EXPECT_EQ(y[t * 4 + 3], 77);
  }
  // In place: the same numbers in the first channels of a.
  std::vector<float> in_place = a;
  gate_cpu(rows, channels, in_place.data(), 8, q.data(), 7, in_place.data(), 8);
  for (std::size_t t = 0; t < rows; ++t)
    for (std::size_t c = 0; c < channels; ++c) EXPECT_EQ(in_place[t * 8 + c], y[t * 4 + c]);
}

}  // namespace
}  // namespace fluvox::kernels
