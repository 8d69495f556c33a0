#include "kernels/pairs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "support/every_isa.h"
#include "support/made_weights.h"

namespace fluvox::kernels {
namespace {

using Pairs = EveryIsa;
FLUVOX_EVERY_ISA(Pairs);

TEST_P(Pairs, AreTheFormulaToTheBit) {
  for (const int count : {0, 1, 7, 16, 17, 48, 95})
    for (const bool second_form : {false, true}) {
      const auto n = static_cast<size_t>(count);
      std::vector<float> x = support::random_values(4 * n, 1, 7), t(4 * n + 1, -7.0f);
      const auto part = [&](auto& values, size_t i) { return values.data() + i * n; };
      pair_inputs_cpu(count,
                      {part(x, 0), part(x, 1), part(x, 2), part(x, 3), part(t, 0), part(t, 1),
                       part(t, 2), part(t, 3)},
                      second_form);
      std::vector<float> y = support::random_values(2 * n, 1, 8);
      const std::vector<float> before = y;
      pair_outputs_cpu(count,
                       {part(x, 0), part(x, 1), part(x, 2), part(x, 3), part(y, 0), part(y, 1)},
                       second_form);
      for (size_t i = 0; i < n; ++i) {
        const auto seen = [&](size_t k) {
          const float v = x[k * n + i];
          return second_form && v < 0 ? 0.0f : v;
        };
        EXPECT_EQ(t[i], seen(0) - seen(2));
        EXPECT_EQ(t[n + i], seen(1) + seen(2));
        EXPECT_EQ(t[2 * n + i], seen(2) - seen(1));
        EXPECT_EQ(t[3 * n + i], seen(1) - seen(3));
        const float first = (x[i] + x[n + i]) + x[2 * n + i];
        const float second = (x[n + i] - x[2 * n + i]) - x[3 * n + i];
        EXPECT_EQ(y[i], second_form ? before[i] + first : first);
        EXPECT_EQ(y[n + i], second_form ? before[n + i] + second : second);
      }
      EXPECT_EQ(t.back(), -7.0f) << "nothing is written behind the end";
    }
}

TEST_P(Pairs, WhatIsNotANumberStaysNone) {
  std::vector<float> x(20, 1.0f), t(4 * 20);
  x[5] = std::numeric_limits<float>::quiet_NaN();
  pair_inputs_cpu(20,
                  {x.data(), x.data(), x.data(), x.data(), t.data(), t.data() + 20, t.data() + 40,
                   t.data() + 60},
                  true);
  for (size_t i = 0; i < 80; ++i) EXPECT_EQ(std::isnan(t[i]), i % 20 == 5) << i;
}

}  // namespace
}  // namespace fluvox::kernels
