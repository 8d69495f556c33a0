#include "kernels/actnorm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "support/product_rows.h"
#include "support/slope.h"

namespace fluvox::kernels {
namespace {

using support::random_floats;

std::vector<double> doubles(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

struct Case {
  int channels, columns;
  std::vector<float> s, b, x, along;
  std::size_t at(int c, int t) const { return static_cast<std::size_t>(c * columns + t); }
};

Case made(int channels, int columns) {
  const auto size = static_cast<std::size_t>(channels * columns);
  const auto n = static_cast<std::size_t>(channels);
  return {channels,
          columns,
          random_floats(n, 1),
          random_floats(n, 2),
          random_floats(size, 3),
          random_floats(size, 4)};
}

TEST(ActNorm, AgreesWithItsFormula) {
  for (const int columns : {1, 7, 8, 9, 100}) {
    const Case c = made(3, columns);
    std::vector<float> z(c.x.size()), back(c.x.size());
    actnorm_forward_cpu<float>(3, columns, c.s.data(), c.b.data(), {c.x.data(), columns},
                               {z.data(), columns});
    actnorm_inverse_cpu<float>(3, columns, c.s.data(), c.b.data(), {z.data(), columns},
                               {back.data(), columns});
    for (int channel = 0; channel < 3; ++channel)
      for (int t = 0; t < columns; ++t) {
        const auto i = c.at(channel, t), n = static_cast<std::size_t>(channel);
        const double expected = std::exp(double{c.s[n]}) * (double{c.x[i]} + double{c.b[n]});
        EXPECT_NEAR(z[i], expected, 4e-7 * (1 + std::abs(expected)));
        EXPECT_NEAR(back[i], c.x[i], 2e-6 * (1 + std::abs(c.b[n])));
      }
  }
}

// sum along * output, and its derivatives by central differences in float64
TEST(ActNorm, BackwardIsTheDerivative) {
  for (const bool forward : {true, false})
    for (const int columns : {1, 8, 19}) {
      const Case c = made(2, columns);
      std::vector<double> s = doubles(c.s), b = doubles(c.b), in = doubles(c.x);
      const std::vector<double> along = doubles(c.along);
      std::vector<double> out(in.size());
      const auto value = [&] {
        if (forward)
          actnorm_forward_cpu<double>(2, columns, s.data(), b.data(), {in.data(), columns},
                                      {out.data(), columns});
        else
          actnorm_inverse_cpu<double>(2, columns, s.data(), b.data(), {in.data(), columns},
                                      {out.data(), columns});
        double sum = 0;
        for (std::size_t i = 0; i < out.size(); ++i) sum += along[i] * out[i];
        return sum;
      };
      value();
      const std::vector<double> x = forward ? in : out;
      std::vector<double> gradient(in.size()), gs(2, 0.25), gb(2, 0.5);
      actnorm_backward_cpu<double>(forward, 2, columns, s.data(), b.data(), {x.data(), columns},
                                   {along.data(), columns}, {gradient.data(), columns}, gs.data(),
                                   gb.data());
      for (std::size_t i = 0; i < in.size(); ++i)
        EXPECT_NEAR(gradient[i], support::slope(value, in[i]), 1e-8);
      for (std::size_t n = 0; n < 2; ++n) {
        EXPECT_NEAR(gs[n] - 0.25, support::slope(value, s[n]), 1e-7);
        EXPECT_NEAR(gb[n] - 0.5, support::slope(value, b[n]), 1e-7);
      }
      // float32 against float64
      const std::vector<float> x32(x.begin(), x.end());
      std::vector<float> gradient32(in.size());
      std::vector<double> gs32(2), gb32(2);
      actnorm_backward_cpu<float>(forward, 2, columns, c.s.data(), c.b.data(),
                                  {x32.data(), columns}, {c.along.data(), columns},
                                  {gradient32.data(), columns}, gs32.data(), gb32.data());
      for (std::size_t i = 0; i < in.size(); ++i)
        EXPECT_NEAR(gradient32[i], gradient[i], 5e-7 * (1 + std::abs(gradient[i])));
      for (std::size_t n = 0; n < 2; ++n) {
        EXPECT_NEAR(gs32[n], gs[n] - 0.25, 1e-5);
        EXPECT_NEAR(gb32[n], gb[n] - 0.5, 1e-5);
      }
    }
}

}  // namespace
}  // namespace fluvox::kernels
