#include "kernels/product_bf16.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/portable.h"
#include "support/every_isa.h"
#include "support/product_rows.h"

namespace fluvox::kernels {
namespace {

using support::random_floats;

float float_of(Bf16 a) {
  const std::uint32_t bits = static_cast<std::uint32_t>(a.bits) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

float flushed(float a) { return std::abs(a) < 0x1p-126f ? std::copysign(0.0f, a) : a; }

std::vector<Bf16> rounded(const std::vector<float>& values) {
  std::vector<Bf16> result(values.size());
  to_bf16_cpu(static_cast<std::ptrdiff_t>(values.size()), values.data(), result.data());
  return result;
}

std::vector<std::uint32_t> bits(const std::vector<float>& values) {
  std::vector<std::uint32_t> result;
  for (const float value : values) result.push_back(bits_of(value));
  return result;
}

constexpr Bf16 kNan = {0x7fff};

// Segments over random rows, and the sums as product_bf16.h writes them. Behind each row of x there
// is NaN, which must not be read into a sum.
struct Problem {
  int rows, outputs;
  std::vector<int> inputs;
  std::vector<std::vector<Bf16>> x, w, packed;  // w: [inputs][outputs]
  std::vector<SegmentBf16> segments;
  std::vector<float> bias;

  Problem(int row_count, int output_count, const std::vector<int>& segment_inputs, unsigned seed,
          float size = 1)
      : rows(row_count),
        outputs(output_count),
        inputs(segment_inputs),
        bias(random_floats(static_cast<std::size_t>(output_count), seed, size * size)) {
    for (const int in : inputs) {
      const int stride = in + 2 * static_cast<int>(seed % 3);
      std::vector<Bf16> rows_of_x =
          rounded(random_floats(static_cast<std::size_t>(rows * stride), ++seed, size));
      for (int t = 0; t < rows; ++t)
        for (int i = in; i < stride; ++i)
          rows_of_x[static_cast<std::size_t>(t * stride + i)] = kNan;
      x.push_back(rows_of_x);
      const std::vector<float> weights =
          random_floats(static_cast<std::size_t>(in * outputs), ++seed, size);
      w.push_back(rounded(weights));
      packed.emplace_back(packed_size_bf16(in, outputs), kNan);
      pack_bf16(weights.data(), outputs, 1, in, outputs, packed.back().data());
      segments.push_back({x.back().data(), stride, in, packed.back().data()});
    }
  }

  float x_at(std::size_t s, int t, int i) const {
    return i < inputs[s] ? flushed(float_of(segments[s].x[t * segments[s].stride + i])) : 0;
  }
  float w_at(std::size_t s, int i, int o) const {
    return i < inputs[s] ? flushed(float_of(w[s][static_cast<std::size_t>(i * outputs + o)])) : 0;
  }

  float pair_order(int t, int o) const {
    float sum = flushed(bias[static_cast<std::size_t>(o)]);
    for (std::size_t s = 0; s < segments.size(); ++s)
      for (int i = 0; i < inputs[s]; i += 2) {
        sum = flushed(std::fma(x_at(s, t, i + 1), w_at(s, i + 1, o), sum));
        sum = flushed(std::fma(x_at(s, t, i), w_at(s, i, o), sum));
      }
    return sum;
  }

  float block_order(int t, int o) const {
    float sum = flushed(bias[static_cast<std::size_t>(o)]);
    for (std::size_t s = 0; s < segments.size(); ++s)
      for (int block = 0; block < inputs[s]; block += 32) {
        float even = 0, odd = 0;
        for (int i = block; i < block + 32; i += 2) {
          even = flushed(std::fma(x_at(s, t, i), w_at(s, i, o), even));
          odd = flushed(std::fma(x_at(s, t, i + 1), w_at(s, i + 1, o), odd));
        }
        sum = flushed(sum + flushed(even + odd));
      }
    return sum;
  }

  std::vector<float> expected() const {
    std::vector<float> y;
    for (int t = 0; t < rows; ++t)
      for (int o = 0; o < outputs; ++o)
        y.push_back(isa() == Isa::amx ? block_order(t, o) : pair_order(t, o));
    return y;
  }

  std::vector<float> computed(bool biased = true) const {
    return support::apart(rows, outputs, [&](float* y, std::ptrdiff_t stride) {
      product_bf16_cpu(rows, outputs, biased ? bias.data() : nullptr, segments.data(),
                       static_cast<int>(segments.size()), y, stride);
    });
  }

  // The same with room behind each row that may be read, whatever it holds.
  Problem with_readable_rows() const {
    Problem roomy = *this;
    for (std::size_t s = 0; s < segments.size(); ++s) {
      const int room = (inputs[s] + 31) / 32 * 32;
      roomy.x[s].assign(static_cast<std::size_t>(rows * room), Bf16{0x4129});
      for (int t = 0; t < rows; ++t)
        std::copy_n(segments[s].x + t * segments[s].stride, inputs[s],
                    roomy.x[s].begin() + t * room);
      roomy.segments[s] = {roomy.x[s].data(), room, inputs[s], packed[s].data(), room};
    }
    return roomy;
  }
};

using ProductBf16 = EveryIsa;
FLUVOX_EVERY_ISA(ProductBf16);

TEST_P(ProductBf16, EveryTileGivesTheBitsOfThePlainSum) {
  for (const int outputs : {1, 2, 8, 15, 16, 17, 32, 33, 48, 63, 64, 65, 80, 112, 130})
    for (int rows = 0; rows <= 40; ++rows) {
      const Problem problem(rows, outputs, {2, 34}, static_cast<unsigned>(rows * 1000 + outputs));
      ASSERT_EQ(bits(problem.computed()), bits(problem.expected()))
          << rows << " rows, " << outputs << " outputs";
    }
}

TEST_P(ProductBf16, RoomBehindTheRowsChangesNothing) {
  for (const int rows : {1, 15, 16, 33})
    for (const int outputs : {16, 48, 70}) {
      const Problem problem(rows, outputs, {2, 30, 32, 48}, static_cast<unsigned>(rows + outputs));
      const Problem roomy = problem.with_readable_rows();
      ASSERT_EQ(bits(roomy.computed()), bits(problem.expected()))
          << rows << " rows, " << outputs << " outputs";
    }
}

TEST_P(ProductBf16, LongSumsToo) {
  for (const auto& inputs : {std::vector<int>{},
                             {0},
                             {2},
                             {0, 6, 0},
                             {80, 80, 80},
                             {256, 256, 256, 640},
                             {32, 32, 32, 32, 32, 32, 32, 32, 32},
                             {16, 48, 30}}) {
    const Problem problem(35, 100, inputs, 5);
    EXPECT_EQ(bits(problem.computed()), bits(problem.expected())) << inputs.size() << " segments";
  }
}

// Products around 2^-126, where sums vanish and come back.
TEST_P(ProductBf16, UnderflowIsZero) {
  const Problem problem(33, 40, {64, 20}, 6, 0x1p-63f);
  const std::vector<float> y = problem.computed();
  EXPECT_EQ(bits(y), bits(problem.expected()));
  EXPECT_GT(std::count(y.begin(), y.end(), 0.0f), 20);
  EXPECT_LT(std::count(y.begin(), y.end(), 0.0f), 1000);
}

TEST_P(ProductBf16, LeavesTheFloatingPointModeAlone) {
  volatile float tiny = 0x1p-140f;
  EXPECT_EQ(Problem(3, 5, {4}, 7).computed().size(), 15u);
  EXPECT_GT(tiny * 0.5f, 0);
}

TEST_P(ProductBf16, RowsDoNotDependOnEachOther) {
  const Problem problem(53, 80, {40, 24}, 6);
  const std::vector<float> whole = problem.computed();
  for (const int chunk : {1, 2, 5, 12, 16, 17, 36})
    for (int t = 0; t < problem.rows; t += chunk) {
      std::vector<SegmentBf16> segments = problem.segments;
      for (SegmentBf16& segment : segments) segment.x += t * segment.stride;
      const int rows = std::min(chunk, problem.rows - t);
      std::vector<float> part(static_cast<std::size_t>(rows * problem.outputs));
      product_bf16_cpu(rows, problem.outputs, problem.bias.data(), segments.data(), 2, part.data(),
                       problem.outputs);
      ASSERT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + t * problem.outputs))
          << "rows from " << t << " in chunks of " << chunk;
    }
}

TEST_P(ProductBf16, NoBiasIsZero) {
  Problem problem(7, 20, {10}, 7);
  const std::vector<float> y = problem.computed(false);
  problem.bias.assign(20, 0);
  EXPECT_EQ(y, problem.expected());
}

// Rows backwards, and one row for all: strides below and of zero.
TEST_P(ProductBf16, AnyStride) {
  Problem problem(39, 18, {4, 36}, 8);
  problem.segments[0].x += 38 * problem.segments[0].stride;
  problem.segments[0].stride *= -1;
  problem.segments[1].stride = 0;
  EXPECT_EQ(problem.computed(), problem.expected());
}

TEST_P(ProductBf16, AgreesWithFloat64) {
  const Problem problem(20, 70, {256, 80}, 9);
  const std::vector<float> y = problem.computed();
  for (int t = 0; t < problem.rows; ++t)
    for (int o = 0; o < problem.outputs; ++o) {
      double sum = problem.bias[static_cast<std::size_t>(o)];
      for (std::size_t s = 0; s < 2; ++s)
        for (int i = 0; i < problem.inputs[s]; ++i)
          sum += double{problem.x_at(s, t, i)} * problem.w_at(s, i, o);
      EXPECT_NEAR(y[static_cast<std::size_t>(t * problem.outputs + o)], sum, 4e-5);
    }
}

TEST(ProductBf16Packing, InterleavesPairsAndFillsWithZeros) {
  const std::vector<float> w = random_floats(6 * 70, 12);
  const std::vector<Bf16> expected = rounded(w);
  ASSERT_EQ(packed_size_bf16(6, 70), 32u * 80);
  std::vector<Bf16> p(32 * 80, kNan);
  pack_bf16(w.data(), 70, 1, 6, 70, p.data());
  for (std::size_t i = 0; i < 32; ++i)
    for (std::size_t o = 0; o < 80; ++o) {
      const std::size_t at =
          o < 64 ? i / 2 * 128 + o * 2 + i % 2 : 32 * 64 + i / 2 * 32 + (o - 64) * 2 + i % 2;
      EXPECT_EQ(p[at].bits, i < 6 && o < 70 ? expected[i * 70 + o].bits : 0);
    }
}

// Every upper half with the lower halves that decide: the nearest of two neighbours, the even one
// where both are as near.
TEST_P(ProductBf16, RoundsToNearestEven) {
  std::vector<float> from;
  for (std::uint32_t upper = 0; upper < 0x10000; ++upper)
    for (const std::uint32_t lower : {0x0000u, 0x0001u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
      const std::uint32_t word = upper << 16 | lower;
      float value;
      std::memcpy(&value, &word, sizeof value);
      from.push_back(value);
    }
  from.resize(from.size() - 5);  // not a multiple of a vector
  const std::vector<Bf16> to = rounded(from);
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (std::isnan(from[i])) {
      EXPECT_TRUE(std::isnan(float_of(to[i])));
      continue;
    }
    ASSERT_EQ(std::signbit(float_of(to[i])), std::signbit(from[i]));
    const double value = std::abs(double{from[i]}), found = std::abs(double{float_of(to[i])});
    if (value < 0x1p-126) {
      ASSERT_EQ(found, 0);
      continue;
    }
    // Seven bits behind the leading one.
    const double unit = std::isinf(value) ? 1 : std::ldexp(1.0, std::ilogb(value) - 7);
    const double nearest = std::isinf(value) ? value : std::nearbyint(value / unit) * unit;
    ASSERT_EQ(found, nearest < 0x1p128 ? nearest : INFINITY) << from[i];
  }
}

}  // namespace
}  // namespace fluvox::kernels
