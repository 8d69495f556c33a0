#include "kernels/gate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "support/every_isa.h"
#include "support/slope.h"

namespace fluvox::kernels {
namespace {

double gate(double u, double v) { return std::tanh(u) / (1 + std::exp(-v)); }

using Gate = EveryIsa;
FLUVOX_EVERY_ISA(Gate);

// Every pair of a grid that is fine around zero and reaches +-100.
TEST_P(Gate, AgreesWithFloat64) {
  std::vector<float> points = {0};
  for (float p = 1e-6f; p < 101; p *= 1.17f) points.insert(points.end(), {p, -p});
  points.insert(points.end(), {100.0f, -100.0f});
  const auto count = static_cast<int>(points.size());
  double worst = 0;
  for (const float u : points) {
    std::vector<float> a(points.size(), u), y(points.size(), NAN);
    a.insert(a.end(), points.begin(), points.end());
    gate_cpu(1, count, a.data(), 2 * count, nullptr, 0, y.data(), count);
    for (std::size_t i = 0; i < points.size(); ++i) {
      ASSERT_FALSE(std::isnan(y[i])) << u << ' ' << points[i];
      const double expected = gate(u, points[i]);
      // Relative, down to where exp(-v) overflows and y becomes 0.
      worst = std::max(worst, std::abs(y[i] - expected) / (std::abs(expected) + 1e-30));
    }
  }
  EXPECT_LT(worst, 3e-7);
}

TEST_P(Gate, ExtremesGiveLimits) {
  const float a[] = {INFINITY, INFINITY, -INFINITY, INFINITY, INFINITY, -INFINITY, 1e38f, -1e38f};
  float y[4];
  gate_cpu(4, 1, a, 2, nullptr, 0, y, 1);
  EXPECT_EQ(y[0], 1);
  EXPECT_EQ(y[1], -1);
  EXPECT_EQ(y[2], 0);
  EXPECT_EQ(y[3], 0);
}

TEST_P(Gate, NanStaysNan) {
  for (const auto& [u, v] :
       {std::pair{NAN, 0.5f}, {0.5f, NAN}, {NAN, INFINITY}, {-INFINITY, NAN}}) {
    std::vector<float> a(40, u), y(40);
    a.insert(a.end(), 40, v);
    gate_cpu(1, 40, a.data(), 80, nullptr, 0, y.data(), 40);
    for (const float value : y) EXPECT_TRUE(std::isnan(value)) << u << ' ' << v;
  }
}

TEST_P(Gate, KeepsTheSignOfZeroAndTheSmallest) {
  const float smallest = 1e-40f, a[] = {0, -0.0f, smallest, -smallest, 100, 100, 100, 100};
  float y[4];
  gate_cpu(1, 4, a, 8, nullptr, 0, y, 4);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(y[i], a[i]);
    EXPECT_EQ(std::signbit(y[i]), std::signbit(a[i]));
  }
}

TEST_P(Gate, AddsTheConditionAndKeepsToItsStrides) {
  for (const int channels : {3, 8, 16, 21, 40}) {
    const auto rows = 5u, n = static_cast<unsigned>(channels);
    const unsigned a_stride = 2 * n + 2, q_stride = 2 * n + 1, y_stride = n + 1;
    std::mt19937 engine(1);
    std::normal_distribution<float> distribution(0, 2);
    std::vector<float> a(rows * a_stride), q(rows * q_stride), y(rows * y_stride, 77);
    for (float& value : a) value = distribution(engine);
    for (float& value : q) value = distribution(engine);
    gate_cpu(rows, channels, a.data(), a_stride, q.data(), q_stride, y.data(), y_stride);
    for (std::size_t t = 0; t < rows; ++t) {
      for (std::size_t c = 0; c < n; ++c) {
        const float u = a[t * a_stride + c] + q[t * q_stride + c],
                    v = a[t * a_stride + n + c] + q[t * q_stride + n + c];
        EXPECT_NEAR(y[t * y_stride + c], gate(u, v), 2e-7);
      }
      EXPECT_EQ(y[t * y_stride + n], 77);
    }
    // In place: the same numbers in the first channels of a.
    std::vector<float> in_place = a;
    gate_cpu(rows, channels, in_place.data(), a_stride, q.data(), q_stride, in_place.data(),
             a_stride);
    for (std::size_t t = 0; t < rows; ++t)
      for (std::size_t c = 0; c < n; ++c)
        EXPECT_EQ(in_place[t * a_stride + c], y[t * y_stride + c]);
  }
}

// Equal bits, whatever the place in a vector; random bits are every size, infinity and NaN.
TEST_P(Gate, HasTheBitsOfThePlainTwin) {
  std::mt19937 engine(2);
  for (int channels = 1; channels <= 50; ++channels) {
    const auto size = static_cast<std::size_t>(2 * channels);
    std::vector<float> a(20 * size);
    std::normal_distribution<float> distribution(0, 4);
    for (std::size_t i = 0; i < a.size(); ++i) {
      const std::uint32_t bits = engine();
      if (i % 3 == 0)
        std::memcpy(&a[i], &bits, sizeof bits);
      else
        a[i] = distribution(engine);
    }
    const auto run = [&] {
      std::vector<float> y(a.size() / 2);
      gate_cpu(20, channels, a.data(), 2 * channels, nullptr, 0, y.data(), channels);
      return y;
    };
    const std::vector<float> y = run(), expected = plainly(run);
    for (std::size_t i = 0; i < y.size(); ++i)
      ASSERT_TRUE(std::memcmp(&y[i], &expected[i], sizeof(float)) == 0 ||
                  (std::isnan(y[i]) && std::isnan(expected[i])))
          << y[i] << ' ' << expected[i];
  }
}

TEST_P(Gate, FactorsAgreeWithFloat64) {
  for (const int channels : {1, 7, 8, 15, 16, 17, 33}) {
    const std::ptrdiff_t rows = 4, n = channels;
    const auto size = static_cast<std::size_t>(rows * n);
    std::mt19937 engine(3);
    std::normal_distribution<float> distribution(0, 3);
    std::vector<float> a(2 * size), q(2 * size), f(2 * size), y(size), alone(size);
    for (float& value : a) value = distribution(engine);
    for (float& value : q) value = distribution(engine);
    gate_factors_cpu(rows, channels, 0, channels, a.data(), 2 * n, q.data(), 2 * n, f.data(),
                     y.data(), n);
    // in two pieces, as threads share them
    for (const auto& [first, last] : {std::pair(0, channels / 3), {channels / 3, channels}})
      gate_factors_cpu(rows, channels, first, last, a.data(), 2 * n, q.data(), 2 * n, nullptr,
                       alone.data(), n);
    EXPECT_EQ(y, alone);
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t from = i / static_cast<std::size_t>(n) * static_cast<std::size_t>(n) + i,
                        behind = from + static_cast<std::size_t>(n);
      const float u = a[from] + q[from], v = a[behind] + q[behind];
      EXPECT_NEAR(f[from], std::tanh(double{u}), 2e-7);
      EXPECT_NEAR(f[behind], 1 / (1 + std::exp(-double{v})), 1e-7);
      EXPECT_NEAR(y[i], gate(u, v), 3e-7);
    }
  }
}

TEST_P(Gate, BackwardIsTheDerivative) {
  for (const int channels : {1, 8, 17, 40}) {
    const std::ptrdiff_t rows = 3, n = channels;
    const auto size = static_cast<std::size_t>(rows * n);
    std::mt19937 engine(4);
    std::normal_distribution<double> distribution(0, 2);
    std::vector<double> a(2 * size), f(2 * size), y(size), gy(size), ga(2 * size);
    for (double& value : a) value = distribution(engine);
    for (double& value : gy) value = distribution(engine);
    const auto value = [&] {
      gate_factors_cpu(rows, channels, 0, channels, a.data(), 2 * n, nullptr, 0, f.data(), y.data(),
                       n);
      double sum = 0;
      for (std::size_t i = 0; i < size; ++i) sum += gy[i] * y[i];
      return sum;
    };
    value();
    gate_backward_cpu(rows, channels, 0, channels, f.data(), gy.data(), ga.data());
    const std::vector<float> f32(f.begin(), f.end()), gy32(gy.begin(), gy.end());
    std::vector<float> ga32(2 * size);
    gate_backward_cpu(rows, channels, 0, channels, f32.data(), gy32.data(), ga32.data());
    for (std::size_t i = 0; i < 2 * size; ++i) {
      EXPECT_NEAR(ga[i], support::slope(value, a[i]), 1e-7);
      EXPECT_NEAR(ga32[i], ga[i], 1e-6 * (1 + std::abs(ga[i])));
    }
  }
}

}  // namespace
}  // namespace fluvox::kernels
