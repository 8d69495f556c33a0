#include "kernels/mixing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "support/every_isa.h"
#include "support/product_rows.h"

namespace fluvox::kernels {
namespace {

using support::random_floats;

using Mixing = EveryIsa;
FLUVOX_EVERY_ISA(Mixing);

constexpr int kEdges[] = {1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 511, 512, 513, 1030};

TEST_P(Mixing, AgreesWithFloat64AndKeepsToItsStrides) {
  for (const int channels : {1, 2, 3, 4, 5, 8, 12, 64})
    for (const int columns : kEdges) {
      const int x_stride = columns + 3, z_stride = columns + 1;
      const auto w = random_floats(static_cast<std::size_t>(channels * channels), 1);
      const auto x = random_floats(static_cast<std::size_t>(channels * x_stride), 2);
      for (const bool transposed : {false, true}) {
        std::vector<float> z(static_cast<std::size_t>(channels * z_stride), 77);
        mixing_cpu(channels, columns, w.data(), transposed ? 1 : channels,
                   transposed ? channels : 1, {x.data(), x_stride}, {z.data(), z_stride});
        for (int i = 0; i < channels; ++i) {
          for (int t = 0; t < columns; ++t) {
            double expected = 0, size = 0;
            for (int j = 0; j < channels; ++j) {
              const auto at =
                  static_cast<std::size_t>(transposed ? j * channels + i : i * channels + j);
              const double term =
                  double{w[at]} * double{x[static_cast<std::size_t>(j * x_stride + t)]};
              expected += term;
              size += std::abs(term);
            }
            ASSERT_NEAR(z[static_cast<std::size_t>(i * z_stride + t)], expected, 3e-7 * size)
                << channels << " channels, " << columns << " columns";
          }
          ASSERT_EQ(z[static_cast<std::size_t>(i * z_stride + columns)], 77);
        }
      }
    }
}

TEST_P(Mixing, WeightGradientAgreesWithFloat64) {
  for (const int channels : {1, 3, 4, 8, 13})
    for (const int columns : kEdges) {
      const auto size = static_cast<std::size_t>(channels * columns);
      const auto gz = random_floats(size, 3), x = random_floats(size, 4);
      std::vector<double> gw(static_cast<std::size_t>(channels * channels), 0.5);
      mixing_weight_gradient_cpu(channels, columns, {gz.data(), columns}, {x.data(), columns},
                                 gw.data());
      for (int i = 0; i < channels; ++i)
        for (int j = 0; j < channels; ++j) {
          double expected = 0.5, all = 0;
          for (int t = 0; t < columns; ++t) {
            const double term = double{gz[static_cast<std::size_t>(i * columns + t)]} *
                                double{x[static_cast<std::size_t>(j * columns + t)]};
            expected += term;
            all += std::abs(term);
          }
          ASSERT_NEAR(gw[static_cast<std::size_t>(i * channels + j)], expected, 1e-6 * all);
        }
    }
}

TEST_P(Mixing, HasTheBitsOfThePlainTwin) {
  for (const int channels : {1, 4, 7})
    for (const int columns : kEdges) {
      const auto size = static_cast<std::size_t>(channels * columns);
      const auto w = random_floats(static_cast<std::size_t>(channels * channels), 5);
      const auto x = random_floats(size, 6), gz = random_floats(size, 7);
      const auto run = [&] {
        std::vector<float> z(size);
        std::vector<double> gw(w.size());
        mixing_cpu(channels, columns, w.data(), channels, 1, {x.data(), columns},
                   {z.data(), columns});
        mixing_weight_gradient_cpu(channels, columns, {gz.data(), columns}, {x.data(), columns},
                                   gw.data());
        return std::pair(z, gw);
      };
      EXPECT_EQ(run(), plainly(run)) << channels << " channels, " << columns << " columns";
    }
}

struct Inverted {
  std::vector<double> inverse;
  double log_abs_det;
};

Inverted inverted(const std::vector<double>& w, int channels) {
  Inverted made{std::vector<double>(w.size()), 0};
  std::vector<int> rows(static_cast<std::size_t>(channels));
  inverse_log_det_cpu(channels, w.data(), rows.data(), made.inverse.data(), &made.log_abs_det);
  return made;
}

TEST(InverseLogDet, IsTheInverse) {
  for (const int n : {1, 2, 3, 8, 17, 64}) {
    const auto values = random_floats(static_cast<std::size_t>(n * n), 8);
    const std::vector<double> w(values.begin(), values.end());
    const auto [inverse, log_abs_det] = inverted(w, n);
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < n; ++j) {
        double product = 0;
        for (int k = 0; k < n; ++k)
          product +=
              w[static_cast<std::size_t>(i * n + k)] * inverse[static_cast<std::size_t>(k * n + j)];
        EXPECT_NEAR(product, i == j ? 1 : 0, 1e-10);
      }
    // det(w^-1) = 1 / det w, by other pivots
    EXPECT_NEAR(inverted(inverse, n).log_abs_det, -log_abs_det, 1e-10);
  }
}

// Rows of a triangular matrix in another order: the product of its diagonal, whatever the order.
TEST(InverseLogDet, OfAPermutedTriangleIsThatOfItsDiagonal) {
  constexpr int n = 9;
  std::vector<double> w(n * n, 0);
  double expected = 0;
  for (int i = 0; i < n; ++i) {
    double* row = w.data() + (i * 4 + 2) % n * n;
    for (int j = i; j < n; ++j) row[j] = 0.1 * (i - j);
    row[i] = i % 2 == 0 ? 0.25 * (i + 1) : -3;
    expected += std::log(std::abs(row[i]));
  }
  EXPECT_NEAR(inverted(w, n).log_abs_det, expected, 1e-13);
}

TEST(InverseLogDet, OfASingularMatrixIsMinusInfinity) {
  const Inverted made = inverted({1, 2, 2, 4}, 2);
  EXPECT_EQ(made.log_abs_det, -INFINITY);
  EXPECT_FALSE(std::isfinite(made.inverse[0]));
  EXPECT_EQ(inverted(std::vector<double>(9, 1), 3).log_abs_det, -INFINITY) << "of rank 1";
  EXPECT_FALSE(std::isfinite(inverted({1, NAN, 3, 4}, 2).log_abs_det));
}

}  // namespace
}  // namespace fluvox::kernels
