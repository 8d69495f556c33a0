#include "kernels/coupling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <tuple>
#include <vector>

#include "support/every_isa.h"
#include "support/product_rows.h"
#include "support/slope.h"

namespace fluvox::kernels {
namespace {

using support::random_floats;

double log_scale(float raw, ScaleBound bound, double clamp) {
  if (bound == ScaleBound::sigmoid) return -std::log1p(std::exp(-(double{raw} + 2)));
  return bound == ScaleBound::exact ? double{raw} : clamp * std::tanh(raw / clamp);
}

using Coupling = EveryIsa;
FLUVOX_EVERY_ISA(Coupling);

class CouplingBounds : public testing::TestWithParam<std::tuple<Isa, ScaleBound>> {
 protected:
  void SetUp() override {
    if (!set_isa(std::get<0>(GetParam()))) GTEST_SKIP() << "this machine lacks it";
  }
  void TearDown() override { set_isa(before_); }
  ScaleBound bound() const { return std::get<1>(GetParam()); }

 private:
  Isa before_ = isa();
};

INSTANTIATE_TEST_SUITE_P(Bounds, CouplingBounds,
                         testing::Combine(testing::ValuesIn(kEveryIsa),
                                          testing::Values(ScaleBound::exact, ScaleBound::tanh,
                                                          ScaleBound::sigmoid)));

TEST_P(CouplingBounds, AgreesWithFloat64) {
  const int rows = 333, columns = 5;
  const std::vector<float> x = random_floats(rows * columns, 1),
                           raw = random_floats(rows * columns, 2),
                           b = random_floats(rows * columns, 3);
  const LogScale scale = {{raw.data(), columns}, bound(), 1.5f};
  std::vector<float> z(x.size()), back(x.size());
  std::vector<double> log_det(rows);
  coupling_forward_cpu(rows, columns, {x.data(), columns}, scale, {b.data(), columns},
                       {z.data(), columns}, log_det.data());
  coupling_inverse_cpu(rows, columns, {z.data(), columns}, scale, {b.data(), columns},
                       {back.data(), columns});
  for (int t = 0; t < rows; ++t) {
    double expected_log_det = 0;
    for (int c = 0; c < columns; ++c) {
      const auto i = static_cast<std::size_t>(t * columns + c);
      const double s = log_scale(raw[i], bound(), 1.5);
      expected_log_det += s;
      // s is a float: its rounding moves exp(s) by as much, relatively, as s has of it absolutely.
      const double scaled = std::exp(s) * x[i];
      EXPECT_NEAR(z[i], scaled + b[i], 4e-7 * (std::abs(scaled) + std::abs(b[i])));
      const double inverse = (double{z[i]} - b[i]) * std::exp(-s);
      EXPECT_NEAR(back[i], inverse, 5e-7 * std::abs(inverse) + 1e-30);
      // The way there and back loses what z's rounding loses.
      EXPECT_NEAR(back[i], x[i], 4e-7 * (std::abs(x[i]) + std::abs(b[i]) * std::exp(-s)));
    }
    EXPECT_NEAR(log_det[static_cast<std::size_t>(t)], expected_log_det, 1e-6);
  }
}

// The log-determinant against the map's own derivative, taken from its values.
TEST_P(CouplingBounds, LogDeterminantIsThatOfTheMap) {
  const int columns = 7;
  const std::vector<float> raw = random_floats(columns, 4), zero(columns, 0), one(columns, 1);
  const LogScale scale = {{raw.data(), columns}, bound(), 0.8f};
  std::vector<float> at_zero(columns), at_one(columns);
  double log_det = 0;
  coupling_forward_cpu(1, columns, {zero.data(), columns}, scale, {zero.data(), columns},
                       {at_zero.data(), columns}, nullptr);
  coupling_forward_cpu(1, columns, {one.data(), columns}, scale, {zero.data(), columns},
                       {at_one.data(), columns}, &log_det);
  double expected = 0;
  for (std::size_t c = 0; c < columns; ++c) expected += std::log(double{at_one[c]} - at_zero[c]);
  EXPECT_NEAR(log_det, expected, 1e-6);
}

TEST_P(Coupling, TanhBoundsWhateverComesIn) {
  const std::vector<float> raw = {1e30f, -1e30f, INFINITY, -INFINITY, 100, -100}, x(6, 2), b(6, 1);
  const LogScale scale = {{raw.data(), 6}, ScaleBound::tanh, 1.5f};
  std::vector<float> z(6), back(6);
  double log_det = 1;
  coupling_forward_cpu(1, 6, {x.data(), 6}, scale, {b.data(), 6}, {z.data(), 6}, &log_det);
  coupling_inverse_cpu(1, 6, {z.data(), 6}, scale, {b.data(), 6}, {back.data(), 6});
  EXPECT_EQ(log_det, 0);
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(z[i], 1 + 2 * std::exp(i % 2 == 0 ? 1.5 : -1.5), 1e-6);
    EXPECT_NEAR(back[i], 2, 2e-6);
  }
}

// Odd bins of odd frames, in place, with scale and shift interleaved as a net's last layer gives
// them.
TEST_P(Coupling, StridedInPlaceTouchesNothingElse) {
  const int frames = 6, bins = 8, rows = frames / 2, columns = bins / 2;
  const std::vector<float> before = random_floats(frames * bins, 5);
  const std::vector<float> net = random_floats(rows * columns * 2, 6);
  std::vector<float> grid = before;
  const View view = {grid.data() + bins + 1, 2 * bins, 2};
  const LogScale scale = {{net.data(), columns * 2, 2}};
  const ConstView b = {net.data() + 1, columns * 2, 2};
  std::vector<double> log_det(rows);
  coupling_forward_cpu(rows, columns, view, scale, b, view, log_det.data());
  for (int t = 0; t < frames; ++t)
    for (int k = 0; k < bins; ++k) {
      const auto i = static_cast<std::size_t>(t * bins + k);
      if (t % 2 == 0 || k % 2 == 0) {
        EXPECT_EQ(grid[i], before[i]);
      } else {
        const auto n = static_cast<std::size_t>((t / 2 * columns + k / 2) * 2);
        // The bits of the same element alone.
        float alone = 0;
        coupling_forward_cpu(1, 1, {&before[i], 1}, {{&net[n], 1}}, {&net[n + 1], 1}, {&alone, 1},
                             nullptr);
        EXPECT_EQ(grid[i], alone);
      }
    }
  coupling_inverse_cpu(rows, columns, view, scale, b, view);
  for (std::size_t i = 0; i < grid.size(); ++i) EXPECT_NEAR(grid[i], before[i], 2e-6);
}

// e^s from 0 to infinity, against float64, where the result is a normal number within 1 unit in the
// last place.
TEST_P(Coupling, ExpIsAccurateEverywhere) {
  std::vector<float> s = {INFINITY, -INFINITY, 200, -200, 88.72f, 88.73f, -103.9f, -104, 0, -0.0f};
  for (float p = -104; p < 89; p += 0.00137f) s.push_back(p);
  const auto n = static_cast<int>(s.size());
  std::vector<float> one(s.size(), 1), zero(s.size(), 0), z(s.size());
  coupling_forward_cpu(1, n, {one.data(), n}, {{s.data(), n}}, {zero.data(), n}, {z.data(), n},
                       nullptr);
  double worst = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const double exact = std::exp(double{s[i]});
    const auto rounded = static_cast<float>(exact);
    if (std::isnormal(rounded)) {
      const double unit = std::nextafter(rounded, INFINITY) - double{rounded};
      worst = std::max(worst, std::abs(z[i] - exact) / unit);
    } else if (std::isinf(rounded)) {
      EXPECT_EQ(z[i], rounded) << s[i];
    } else {
      EXPECT_NEAR(z[i], rounded, 1.5e-45) << s[i];
    }
  }
  EXPECT_LT(worst, 1);
  EXPECT_GT(worst, 0.4) << "float32 cannot be this good";
}

TEST_P(Coupling, TanhIsAccurateEverywhere) {
  std::vector<float> raw = {INFINITY, -INFINITY, 0, -0.0f, 30};
  for (float p = 1e-9f; p < 20; p *= 1.0003f) raw.insert(raw.end(), {p, -p});
  const auto n = static_cast<int>(raw.size());
  std::vector<float> one(raw.size(), 1), zero(raw.size(), 0), z(raw.size());
  std::vector<double> s(raw.size());
  coupling_forward_cpu(n, 1, {one.data(), 1}, {{raw.data(), 1}, ScaleBound::tanh, 1},
                       {zero.data(), 1}, {z.data(), 1}, s.data());
  double worst = 0;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const double exact = std::tanh(double{raw[i]});
    EXPECT_LE(std::abs(s[i]), 1);
    EXPECT_EQ(s[i] < 0, raw[i] < 0);
    const auto size = static_cast<float>(std::abs(exact));
    const double unit = std::nextafter(size, INFINITY) - double{size};
    worst = std::max(worst, std::abs(s[i] - exact) / unit);
  }
  EXPECT_LT(worst, 2.5);
  EXPECT_GT(worst, 0.4) << "float32 cannot be this good";
}

TEST_P(Coupling, NanStaysNan) {
  for (const ScaleBound bound : {ScaleBound::exact, ScaleBound::tanh}) {
    const std::vector<float> raw(20, NAN), x(20, 1);
    std::vector<float> z(20), back(20);
    double log_det = 0;
    coupling_forward_cpu(1, 20, {x.data(), 20}, {{raw.data(), 20}, bound, 1}, {x.data(), 20},
                         {z.data(), 20}, &log_det);
    coupling_inverse_cpu(1, 20, {x.data(), 20}, {{raw.data(), 20}, bound, 1}, {x.data(), 20},
                         {back.data(), 20});
    EXPECT_TRUE(std::isnan(log_det));
    for (const float value : z) EXPECT_TRUE(std::isnan(value));
  }
}

// Equal bits for every shape and stride, log-determinants too.
TEST_P(Coupling, HasTheBitsOfThePlainTwin) {
  for (const ScaleBound bound : {ScaleBound::exact, ScaleBound::tanh})
    for (const int stride : {1, 2})
      for (const int columns : {1, 2, 3, 4, 5, 8, 16, 17, 40, 127, 128, 129, 300}) {
        const int rows = 7, row = columns * stride + 1;
        const auto size = static_cast<std::size_t>(rows * row);
        const std::vector<float> raw = random_floats(size, 10, 20), b = random_floats(size, 11, 3);
        const std::vector<float> x = random_floats(size, 12);
        const LogScale scale = {{raw.data(), row, stride}, bound, 3};
        const auto run = [&] {
          std::vector<float> forward = x, inverse = x;
          std::vector<double> log_det(rows);
          const View z = {forward.data(), row, stride}, back = {inverse.data(), row, stride};
          coupling_forward_cpu(rows, columns, z, scale, {b.data(), row, stride}, z, log_det.data());
          coupling_inverse_cpu(rows, columns, back, scale, {b.data(), row, stride}, back);
          return std::tuple(forward, inverse, log_det);
        };
        EXPECT_EQ(run(), plainly(run)) << columns << " columns, " << stride << " apart";
      }
}

// Chunks of rows give the same bits, the log-determinant's total included.
TEST_P(Coupling, ChunksGiveTheSameBits) {
  const int rows = 20, columns = 3;
  const std::vector<float> x = random_floats(rows * columns, 7),
                           raw = random_floats(rows * columns, 8),
                           b = random_floats(rows * columns, 9);
  const auto run = [&](int chunk) {
    std::vector<float> z(x.size());
    std::vector<double> log_det(rows);
    for (int t = 0; t < rows; t += chunk) {
      const int n = std::min(chunk, rows - t), at = t * columns;
      coupling_forward_cpu(n, columns, {x.data() + at, columns}, {{raw.data() + at, columns}},
                           {b.data() + at, columns}, {z.data() + at, columns}, log_det.data() + t);
    }
    double total = 0;
    log_det_total_cpu(rows, log_det.data(), &total);
    return std::pair(z, total);
  };
  for (const int chunk : {1, 3, 7}) EXPECT_EQ(run(chunk), run(rows)) << chunk;
}

// 96,000 log-scales of -0.4 with a ripple: a float32 running sum is off by more than 1.
TEST_P(Coupling, LongLogDeterminantsStayExact) {
  const int rows = 96000;
  std::vector<float> raw(rows), x(rows, 1), b(rows, 0), z(rows);
  double expected = 0;
  for (int t = 0; t < rows; ++t) {
    raw[static_cast<std::size_t>(t)] = -0.4f + 1e-3f * static_cast<float>(t % 7);
    expected += raw[static_cast<std::size_t>(t)];
  }
  double one_row = 0, total = 0;
  coupling_forward_cpu(1, rows, {x.data(), rows}, {{raw.data(), rows}}, {b.data(), rows},
                       {z.data(), rows}, &one_row);
  std::vector<double> log_det(rows);
  coupling_forward_cpu(rows, 1, {x.data(), 1}, {{raw.data(), 1}}, {b.data(), 1}, {z.data(), 1},
                       log_det.data());
  log_det_total_cpu(rows, log_det.data(), &total);
  EXPECT_NEAR(one_row, expected, 1e-8);
  EXPECT_NEAR(total, expected, 1e-8);
}

// The double precision forms against differences of their own forward, the float32 ones against
// those: sum along * z + g log_det, or sum along * x of the inverse.
TEST_P(CouplingBounds, BackwardIsTheDerivative) {
  const double g = 0.7;
  for (const bool forward : {true, false})
    for (const int columns : {1, 5, 130}) {
      const int rows = 2;
      const auto size = static_cast<std::size_t>(rows * columns);
      const auto doubles = [&](unsigned seed) {
        const std::vector<float> values = random_floats(size, seed);
        return std::vector<double>(values.begin(), values.end());
      };
      std::vector<double> in = doubles(20), raw = doubles(21), b = doubles(22), out(size);
      const std::vector<double> along = doubles(23);
      const ConstViewOf<double> raw_view = {raw.data(), columns}, b_view = {b.data(), columns};
      const LogScaleOf<double> scale = {raw_view, bound(), 1.5};
      const auto value = [&] {
        double log_det[rows] = {};
        if (forward)
          coupling_forward_cpu(rows, columns, {in.data(), columns}, scale, b_view,
                               {out.data(), columns}, log_det);
        else
          coupling_inverse_cpu(rows, columns, {in.data(), columns}, scale, b_view,
                               {out.data(), columns});
        double sum = g * (log_det[0] + log_det[1]);
        for (std::size_t i = 0; i < size; ++i) sum += along[i] * out[i];
        return sum;
      };
      value();
      const std::vector<double> x = forward ? in : out;
      std::vector<double> of_in(size), of_b(size), of_raw(size);
      const CouplingGradients<double> gradients = {
          {of_in.data(), columns}, {of_b.data(), columns}, {of_raw.data(), columns}};
      if (forward)
        coupling_backward_cpu(rows, columns, {x.data(), columns}, scale, {along.data(), columns}, g,
                              gradients);
      else
        coupling_inverse_backward_cpu(rows, columns, {x.data(), columns}, scale,
                                      {along.data(), columns}, gradients);
      const std::vector<float> x32(x.begin(), x.end()), raw32(raw.begin(), raw.end()),
          along32(along.begin(), along.end());
      std::vector<float> of_in32(size), of_b32(size), of_raw32(size);
      const LogScale scale32 = {{raw32.data(), columns}, bound(), 1.5f};
      const CouplingGradients<float> gradients32 = {
          {of_in32.data(), columns}, {of_b32.data(), columns}, {of_raw32.data(), columns}};
      if (forward)
        coupling_backward_cpu(rows, columns, {x32.data(), columns}, scale32,
                              {along32.data(), columns}, static_cast<float>(g), gradients32);
      else
        coupling_inverse_backward_cpu(rows, columns, {x32.data(), columns}, scale32,
                                      {along32.data(), columns}, gradients32);
      for (std::size_t i = 0; i < size; ++i) {
        EXPECT_NEAR(of_in[i], support::slope(value, in[i]), 1e-6 * (1 + std::abs(of_in[i])));
        EXPECT_NEAR(of_b[i], support::slope(value, b[i]), 1e-6 * (1 + std::abs(of_b[i])));
        EXPECT_NEAR(of_raw[i], support::slope(value, raw[i]), 1e-6 * (1 + std::abs(of_raw[i])));
        EXPECT_NEAR(of_in32[i], of_in[i], 1e-6 * (1 + std::abs(of_in[i])));
        EXPECT_NEAR(of_b32[i], of_b[i], 1e-6 * (1 + std::abs(of_b[i])));
        EXPECT_NEAR(of_raw32[i], of_raw[i], 3e-6 * (1 + std::abs(of_raw[i])));
      }
    }
}

// What is not asked for is not written, in place or not the numbers are the same, and so are the
// bits of all instruction sets.
TEST_P(Coupling, BackwardInPlaceHasTheBitsOfThePlainTwin) {
  for (const ScaleBound bound : {ScaleBound::exact, ScaleBound::tanh, ScaleBound::sigmoid})
    for (const int columns : {1, 15, 16, 17, 127, 128, 129, 300}) {
      const int rows = 3, stride = 2 * columns;
      const auto size = static_cast<std::size_t>(rows * stride);
      const auto x = random_floats(size, 24), raw = random_floats(size, 25, 3);
      const auto given = random_floats(size, 26);
      const LogScale scale = {{raw.data(), stride, 2}, bound, 2};
      const auto run = [&] {
        std::vector<float> in_place = given, of_raw(size, 77), of_x(size, 77);
        const ConstView from = {x.data(), stride, 2};
        coupling_backward_cpu(rows, columns, from, scale, {given.data(), stride, 2}, 0.5f,
                              {{of_x.data(), stride, 2}, {nullptr, 0}, {nullptr, 0}});
        coupling_backward_cpu(
            rows, columns, from, scale, {in_place.data(), stride, 2}, 0.5f,
            {{in_place.data(), stride, 2}, {nullptr, 0}, {of_raw.data(), stride, 2}});
        for (std::size_t i = 0; i < size; ++i) {
          EXPECT_EQ(in_place[i], i % 2 == 0 ? of_x[i] : given[i]);
          EXPECT_TRUE(i % 2 == 0 || of_raw[i] == 77);
        }
        return std::pair(in_place, of_raw);
      };
      EXPECT_EQ(run(), plainly(run)) << columns << " columns";
    }
}

}  // namespace
}  // namespace fluvox::kernels
