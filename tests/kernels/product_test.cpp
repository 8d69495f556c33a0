#include "kernels/product.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "support/every_isa.h"
#include "support/product_rows.h"

namespace fluvox::kernels {
namespace {

using support::random_floats;

std::vector<float> packed(const std::vector<float>& w, int inputs, int outputs) {
  std::vector<float> result(packed_size(inputs, outputs), NAN);
  pack(w.data(), outputs, 1, inputs, outputs, result.data());
  return result;
}

// Segments over random rows, and the sum as product.h writes it.
struct Problem {
  int rows, outputs;
  std::vector<std::vector<float>> x, w, w_packed;
  std::vector<Segment> segments;
  std::vector<float> bias;

  Problem(int row_count, int output_count, const std::vector<int>& inputs, unsigned seed)
      : rows(row_count),
        outputs(output_count),
        bias(random_floats(static_cast<std::size_t>(output_count), seed)) {
    for (const int in : inputs) {
      const int stride = in + static_cast<int>(seed % 3);
      x.push_back(random_floats(static_cast<std::size_t>(rows * stride), ++seed));
      w.push_back(random_floats(static_cast<std::size_t>(in * outputs), ++seed));
      w_packed.push_back(packed(w.back(), in, outputs));
      segments.push_back({x.back().data(), stride, in, w_packed.back().data()});
    }
  }

  std::vector<float> expected() const {
    std::vector<float> y;
    for (int t = 0; t < rows; ++t)
      for (int o = 0; o < outputs; ++o) {
        float sum = bias[static_cast<std::size_t>(o)];
        for (std::size_t s = 0; s < segments.size(); ++s)
          for (int i = 0; i < segments[s].inputs; ++i)
            sum = std::fma(segments[s].x[t * segments[s].stride + i],
                           w[s][static_cast<std::size_t>(i * outputs + o)], sum);
        y.push_back(sum);
      }
    return y;
  }

  std::vector<float> computed() const {
    return support::apart(rows, outputs, [&](float* y, std::ptrdiff_t stride) {
      product_cpu(rows, outputs, bias.data(), segments.data(), static_cast<int>(segments.size()), y,
                  stride);
    });
  }
};

using Product = EveryIsa;
FLUVOX_EVERY_ISA(Product);

// Equal bits with the plain sum, so all instruction sets agree with each other.
TEST_P(Product, EveryTileGivesTheBitsOfThePlainSum) {
  for (const int outputs : {1, 2, 3, 8, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 80, 96, 112, 130})
    for (int rows = 0; rows <= 40; ++rows) {
      const Problem problem(rows, outputs, {3, 5}, static_cast<unsigned>(rows * 1000 + outputs));
      ASSERT_EQ(problem.computed(), problem.expected())
          << rows << " rows, " << outputs << " outputs";
    }
}

TEST_P(Product, LongSumsToo) {
  for (const auto& inputs : {std::vector<int>{},
                             {0},
                             {1},
                             {0, 7, 0},
                             {80, 80, 80},
                             {256, 256, 256, 640},
                             {32, 32, 32, 32, 32, 32, 32, 32, 32}}) {
    const Problem problem(13, 256, inputs, 5);
    EXPECT_EQ(problem.computed(), problem.expected()) << inputs.size() << " segments";
  }
}

TEST_P(Product, RowsDoNotDependOnEachOther) {
  const Problem problem(37, 80, {40, 24}, 6);
  const std::vector<float> whole = problem.computed();
  for (const int chunk : {1, 2, 5, 12, 36})
    for (int t = 0; t < problem.rows; t += chunk) {
      std::vector<Segment> segments = problem.segments;
      for (Segment& segment : segments) segment.x += t * segment.stride;
      const int rows = std::min(chunk, problem.rows - t);
      std::vector<float> part(static_cast<std::size_t>(rows * problem.outputs));
      product_cpu(rows, problem.outputs, problem.bias.data(), segments.data(), 2, part.data(),
                  problem.outputs);
      ASSERT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + t * problem.outputs))
          << "rows from " << t << " in chunks of " << chunk;
    }
}

TEST_P(Product, NoBiasIsZero) {
  Problem problem(7, 20, {9}, 7);
  std::vector<float> y(7 * 20);
  product_cpu(7, 20, nullptr, problem.segments.data(), 1, y.data(), 20);
  problem.bias.assign(20, 0);
  EXPECT_EQ(y, problem.expected());
}

// Rows backwards, and one row for all: strides below and of zero.
TEST_P(Product, AnyStride) {
  Problem problem(9, 18, {4, 4}, 8);
  problem.segments[0].x += 8 * problem.segments[0].stride;
  problem.segments[0].stride *= -1;
  problem.segments[1].stride = 0;
  EXPECT_EQ(problem.computed(), problem.expected());
}

// A dilated convolution of three taps in a zero-padded array, against float64 over a PyTorch-like
// weight [outputs][inputs][taps].
TEST_P(Product, DilatedConvolution) {
  const int time = 50, inputs = 24, outputs = 40, dilation = 4;
  const std::vector<float> x = random_floats(time * inputs, 9), bias = random_floats(outputs, 10),
                           weight = random_floats(outputs * inputs * 3, 11);
  std::vector<float> padded((time + 2 * dilation) * inputs, 0);
  std::copy(x.begin(), x.end(), padded.begin() + dilation * inputs);
  std::vector<std::vector<float>> taps;
  std::vector<Segment> segments;
  for (int tap = 0; tap < 3; ++tap) {
    taps.emplace_back(packed_size(inputs, outputs));
    pack(weight.data() + tap, 3, inputs * 3, inputs, outputs, taps.back().data());
    segments.push_back(
        {padded.data() + tap * dilation * inputs, inputs, inputs, taps.back().data()});
  }
  std::vector<float> y(time * outputs);
  product_cpu(time, outputs, bias.data(), segments.data(), 3, y.data(), outputs);
  for (int t = 0; t < time; ++t)
    for (int o = 0; o < outputs; ++o) {
      double expected = bias[static_cast<std::size_t>(o)];
      for (int tap = 0; tap < 3; ++tap)
        for (int i = 0; i < inputs; ++i) {
          const int from = t + (tap - 1) * dilation;
          if (from >= 0 && from < time)
            expected += double{x[static_cast<std::size_t>(from * inputs + i)]} *
                        weight[static_cast<std::size_t>((o * inputs + i) * 3 + tap)];
        }
      EXPECT_NEAR(y[static_cast<std::size_t>(t * outputs + o)], expected, 2e-5);
    }
}

TEST(ProductPacking, FillsPanelsWithZeros) {
  const std::vector<float> w = random_floats(3 * 70, 12);
  ASSERT_EQ(packed_size(3, 70), 3u * 80);
  const std::vector<float> p = packed(w, 3, 70);
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t o = 0; o < 80; ++o)
      EXPECT_EQ(o < 64 ? p[i * 64 + o] : p[3 * 64 + i * 16 + o - 64], o < 70 ? w[i * 70 + o] : 0);
}

TEST(IsaChoice, NamesAndAvailability) {
  for (const Isa candidate : kEveryIsa) {
    Isa found = Isa::scalar;
    EXPECT_TRUE(isa_from_name(isa_name(candidate), &found));
    EXPECT_EQ(found, candidate);
  }
  Isa untouched = Isa::avx2;
  EXPECT_FALSE(isa_from_name("avx1024", &untouched));
  EXPECT_EQ(untouched, Isa::avx2);
  EXPECT_TRUE(isa_available(Isa::scalar));
  EXPECT_TRUE(isa_available(best_isa()));

  const Isa before = isa();
  for (const Isa candidate : kEveryIsa) {
    EXPECT_EQ(set_isa(candidate), isa_available(candidate));
    EXPECT_EQ(isa() == candidate, isa_available(candidate));
  }
  set_isa(before);
}

}  // namespace
}  // namespace fluvox::kernels
