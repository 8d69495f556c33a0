#include "kernels/fours.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "support/every_isa.h"
#include "support/made_weights.h"

namespace fluvox::kernels {
namespace {

using Fours = EveryIsa;
FLUVOX_EVERY_ISA(Fours);

TEST_P(Fours, AreTheFormulaToTheBit) {
  for (const int side : {1, 7, 16, 17, 48, 95})
    for (const int blocks : {0, 1, 2, 5})
      for (const bool second_form : {false, true}) {
        const auto n = static_cast<size_t>(side), count = n * static_cast<size_t>(blocks);
        const size_t apart = count + 3;
        const std::vector<float> x = support::random_values(4 * count + 2 * n, 1, 7);
        const std::vector<float> m = support::random_values(6 * apart, 1, 9);
        std::vector<float> t(6 * apart, -7.0f), y = support::random_values(4 * count + 1, 1, 8);
        const std::vector<float> before = y;
        const auto stride = static_cast<std::ptrdiff_t>(apart);
        four_inputs_cpu(blocks, side, x.data(), second_form, t.data(), stride);
        four_outputs_cpu(blocks, side, m.data(), stride, y.data(), second_form);
        for (size_t i = 0; i < count; ++i) {
          const size_t begin = 4 * (i / n) * n + i % n;
          const auto seen = [&](size_t k) {
            const float v = x[begin + k * n];
            return second_form && v < 0 ? 0.0f : v;
          };
          const auto at_ends = [&](size_t k) {
            return std::fma(81.0f / 64, seen(k), std::fma(-45.0f / 16, seen(k + 2), seen(k + 4)));
          };
          const float even_u = std::fma(-9.0f / 4, seen(2), seen(4));
          const float odd_u = 0.75f * std::fma(-9.0f / 4, seen(1), seen(3));
          const float even_v = std::fma(-9.0f / 16, seen(2), seen(4));
          const float odd_v = 1.5f * std::fma(-9.0f / 16, seen(1), seen(3));
          const float inputs[] = {at_ends(0),     even_u + odd_u, even_u - odd_u,
                                  even_v + odd_v, even_v - odd_v, at_ends(1)};
          for (size_t k = 0; k < 6; ++k) EXPECT_EQ(t[k * apart + i], inputs[k]) << k;
          const auto made = [&](size_t k) { return m[k * apart + i]; };
          const float p = made(1) + made(2), q = made(1) - made(2);
          const float r = made(3) + made(4), s = made(3) - made(4);
          const float outputs[] = {(made(0) + p) + r, std::fma(0.75f, q, 1.5f * s),
                                   std::fma(9.0f / 16, p, 9.0f / 4 * r),
                                   std::fma(27.0f / 64, q, std::fma(27.0f / 8, s, made(5)))};
          for (size_t k = 0; k < 4; ++k) {
            const size_t at = begin + k * n;
            EXPECT_EQ(y[at], second_form ? before[at] + outputs[k] : outputs[k]) << k;
          }
        }
        for (size_t k = 0; k < 6; ++k)
          for (size_t i = count; i < apart; ++i)
            EXPECT_EQ(t[k * apart + i], -7.0f) << "nothing is written behind the end";
        EXPECT_EQ(y.back(), before.back());
      }
}

// Products of the transformed inputs with the transformed taps are the convolution.
TEST_P(Fours, MakeAConvolution) {
  const std::vector<float> x = support::random_values(6, 1, 3);
  const double g[] = {0.3, -0.7, 1.1};
  const double taps[] = {g[0] / (81.0 / 64),
                         -(g[0] + 0.75 * g[1] + 9.0 / 16 * g[2]) / (243.0 / 128),
                         -(g[0] - 0.75 * g[1] + 9.0 / 16 * g[2]) / (243.0 / 128),
                         (g[0] + 1.5 * g[1] + 9.0 / 4 * g[2]) / (243.0 / 32),
                         (g[0] - 1.5 * g[1] + 9.0 / 4 * g[2]) / (243.0 / 32),
                         g[2]};
  std::vector<float> t(6), y(4);
  four_inputs_cpu(1, 1, x.data(), false, t.data(), 1);
  for (size_t k = 0; k < 6; ++k) t[k] = static_cast<float>(t[k] * taps[k]);
  four_outputs_cpu(1, 1, t.data(), 1, y.data(), false);
  for (size_t k = 0; k < 4; ++k)
    EXPECT_NEAR(y[k], g[0] * x[k] + g[1] * x[k + 1] + g[2] * x[k + 2], 3e-6) << k;
}

TEST_P(Fours, WhatIsNotANumberStaysNone) {
  for (size_t side = 0; side < 6; ++side) {
    std::vector<float> x(6 * 20, 1.0f), t(6 * 20);
    x[20 * side + 5] = std::numeric_limits<float>::quiet_NaN();
    four_inputs_cpu(1, 20, x.data(), true, t.data(), 20);
    int lost = 0;
    for (size_t i = 0; i < t.size(); ++i) {
      if (i % 20 == 5)
        lost += std::isnan(t[i]);
      else
        EXPECT_FALSE(std::isnan(t[i])) << i;
    }
    EXPECT_EQ(lost, side == 0 || side == 5 ? 1 : 5) << side;
  }
}

}  // namespace
}  // namespace fluvox::kernels
