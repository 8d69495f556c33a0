#include "kernels/noise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

#include "support/every_isa.h"

namespace fluvox::kernels {
namespace {

double tail_probability(double z) { return std::erfc(z / std::sqrt(2.0)) / 2; }

// The z whose upper tail has the probability (m + 1/2) / 2^32, in float64: Halley's step from a
// value that is right to 1e-6 leaves nothing of its error.
double reference(std::uint32_t m) {
  const double p = (m + 0.5) / 4294967296.0;
  double z = std::sqrt(-2 * std::log(p));  // an upper bound; bisection needs no better one
  double low = 0, high = z + 1;
  for (int i = 0; i < 30; ++i) {
    z = (low + high) / 2;
    (tail_probability(z) > p ? low : high) = z;
  }
  // Near the middle the tail's difference from 1/2 is exact as the central probability's.
  const double excess =
      p > 0.25 ? ((1 - 2 * p) - std::erf(z / std::sqrt(2.0))) / 2 : tail_probability(z) - p;
  const double step = excess / (std::exp(-z * z / 2) / std::sqrt(2 * std::acos(-1.0)));
  return z + step / (1 - step * z / 2);
}

TEST(Noise, InverseCdfIsAccurate) {
  std::vector<std::uint32_t> magnitudes = {0, 1, 2, 0x7fffffff, 0x7ffffffe, 0x7ffffff0};
  for (std::uint32_t m = 3; m < 0x7fff0000; m += 10007) magnitudes.push_back(m);
  for (std::uint32_t m = 1; m < 0x40000000; m += m / 64 + 1) magnitudes.push_back(m);  // the tail
  double worst = 0;
  for (const std::uint32_t m : magnitudes) {
    const double expected = reference(m);
    worst = std::max(worst, std::abs(normal_of_word(m) / expected - 1));
  }
  EXPECT_LT(worst, 2.6e-7);
  EXPECT_GT(worst, 1e-8) << "float32 cannot be this good: the reference is not one";
}

TEST(Noise, IsSymmetricFiniteAndMonotone) {
  EXPECT_NEAR(normal_of_word(0), 6.338, 1e-3);  // 2^-33
  EXPECT_GT(normal_of_word(0x7fffffff), 0);
  EXPECT_LT(normal_of_word(0x7fffffff), 1e-9);
  float previous = INFINITY;
  for (std::uint32_t m = 0; m < 0x80000000u; m += 65537) {
    const float z = normal_of_word(m);
    EXPECT_EQ(normal_of_word(m | 0x80000000u), -z);
    EXPECT_LT(z, previous) << m;
    previous = z;
  }
  // No step where the two branches meet, at a tail of 0.00169.
  double largest = 0;
  for (std::uint32_t m = 7247700; m < 7247700 + 40000; ++m)
    largest =
        std::max(largest, std::abs(double{normal_of_word(m)} - double{normal_of_word(m + 1)}));
  EXPECT_LT(largest, 2e-6);
}

// A promise to everybody who keeps a seed: these numbers never change.
TEST(Noise, TheAddressesMeanWhatTheyMeant) {
  struct Golden {
    std::uint64_t seed, item;
    std::uint32_t channel;
    std::uint64_t position;
    float value;
  };
  const Golden goldens[] = {
      {0, 0, 0, 0, 0x1.05f49ep-2f},
      {0, 0, 0, 1, -0x1.3769e2p-2f},
      {1, 0, 0, 2, -0x1.5e17fap+0f},
      {1234, 5, 6, 7, -0x1.5c0494p+1f},
      {42, 0xfedcba9876543210u, 3, 123456789, 0x1.64029cp-1f},
      {0xffffffffffffffffu, 1, 255, 0x123456789abcdefu, -0x1.08f624p-1f},
  };
  for (const Golden& g : goldens)
    EXPECT_EQ(normal(g.seed, g.item, g.channel, g.position), g.value)
        << g.seed << ' ' << g.item << ' ' << g.channel << ' ' << g.position;
}

TEST(Noise, EveryPartOfTheAddressCounts) {
  const std::uint64_t high = std::uint64_t{1} << 32;
  std::set<float> values;
  int addresses = 0;
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, high})
    for (const std::uint64_t item : {std::uint64_t{0}, std::uint64_t{1}, 2 * high})
      for (const std::uint32_t channel : {0u, 1u, 0x80000000u})
        for (const std::uint64_t position :
             {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{4}, 4 * high}) {
          values.insert(normal(seed, item, channel, position));
          ++addresses;
        }
  EXPECT_EQ(values.size(), static_cast<std::size_t>(addresses));
}

using NoiseVectors = EveryIsa;
FLUVOX_EVERY_ISA(NoiseVectors);

// Equal bits with the number drawn alone, from any position, over the edges of 32 and 64 bits.
TEST_P(NoiseVectors, HaveTheBitsOfTheNumbersAlone) {
  const std::uint64_t edge = std::uint64_t{1} << 34;
  for (const std::uint64_t near : {std::uint64_t{64}, edge, std::uint64_t{0} - 300})
    for (const std::uint64_t first : {near - 33, near - 2, near, near + 3})
      for (const int count : {0, 1, 2, 5, 31, 64, 65, 130, 200}) {
        std::vector<float> z(static_cast<std::size_t>(count) + 1, 77);
        normals_cpu(0x123456789abcdef0u, 0xfedcba9876543u, 3, first, count, z.data());
        for (int i = 0; i < count; ++i)
          ASSERT_EQ(z[static_cast<std::size_t>(i)], normal(0x123456789abcdef0u, 0xfedcba9876543u, 3,
                                                           first + static_cast<std::uint64_t>(i)))
              << first << ' ' << i;
        EXPECT_EQ(z.back(), 77);
      }
}

// Enough of them to meet every branch and lane.
TEST_P(NoiseVectors, HaveTheBitsOfThePlainTwin) {
  const auto run = [] {
    std::vector<float> z(100003);
    normals_cpu(7, 8, 9, 10, static_cast<std::ptrdiff_t>(z.size()), z.data());
    return z;
  };
  EXPECT_EQ(run(), plainly(run));
}

TEST_P(NoiseVectors, ChunksDrawTheSameNumbers) {
  const int rows = 37, channels = 3;
  const std::uint64_t first = 4294967294u;  // across 32 bits
  std::vector<float> whole(rows * channels);
  noise_cpu(whole.data(), rows, channels, 9, 4, first);
  for (int t = 0; t < rows; ++t)
    for (int c = 0; c < channels; ++c)
      EXPECT_EQ(whole[static_cast<std::size_t>(t * channels + c)],
                normal(9, 4, static_cast<std::uint32_t>(c), first + static_cast<std::uint64_t>(t)));
  for (const int chunk : {1, 2, 3, 5, 8, 36}) {
    std::vector<float> parts;
    for (int t = 0; t < rows; t += chunk) {
      const int n = std::min(chunk, rows - t);
      std::vector<float> part(static_cast<std::size_t>(n * channels));
      noise_cpu(part.data(), n, channels, 9, 4, first + static_cast<std::uint64_t>(t));
      parts.insert(parts.end(), part.begin(), part.end());
    }
    EXPECT_EQ(parts, whole) << "chunks of " << chunk;
  }
}

// Ten million: moments within five standard errors, Kolmogorov-Smirnov, tails, neighbours.
TEST(Noise, IsStandardNormal) {
  const int rows = 2500000, channels = 4;
  const double n = double{rows} * channels;
  std::vector<float> z(static_cast<std::size_t>(rows) * channels);
  noise_cpu(z.data(), rows, channels, 20240607, 3, 0);

  double sum[5] = {}, along = 0, across = 0;
  double beyond[7] = {};
  const int kBins = 4096;
  std::vector<double> bins(kBins);
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double v = z[i];
    for (int k = 1; k <= 4; ++k) sum[k] += std::pow(v, k);
    if (i + channels < z.size()) along += v * z[i + channels];
    if (i + 1 < z.size()) across += v * z[i + 1];
    for (int k = 3; k < 7; ++k) beyond[k] += std::abs(v) > k;
    ++bins[static_cast<std::size_t>(tail_probability(v) * kBins)];
  }
  EXPECT_LT(std::abs(sum[1] / n), 5 * std::sqrt(1 / n));
  EXPECT_LT(std::abs(sum[2] / n - 1), 5 * std::sqrt(2 / n));
  EXPECT_LT(std::abs(sum[3] / n), 5 * std::sqrt(15 / n));
  EXPECT_LT(std::abs(sum[4] / n - 3), 5 * std::sqrt(96 / n));
  EXPECT_LT(std::abs(along / n), 5 * std::sqrt(1 / n));
  EXPECT_LT(std::abs(across / n), 5 * std::sqrt(1 / n));
  for (int k = 3; k < 7; ++k) {
    const double expected = n * 2 * tail_probability(k);
    EXPECT_LT(std::abs(beyond[k] - expected), 5 * std::sqrt(expected) + 1) << k << " sigma";
  }
  double below = 0, distance = 0, chi_square = 0;
  for (int bin = 0; bin < kBins; ++bin) {
    const double expected = n / kBins, seen = bins[static_cast<std::size_t>(bin)];
    below += seen;
    distance = std::max(distance, std::abs(below - (bin + 1) * expected) / n);
    chi_square += (seen - expected) * (seen - expected) / expected;
  }
  EXPECT_LT(distance, 1.95 / std::sqrt(n)) << "Kolmogorov-Smirnov, 0.1%";
  EXPECT_NEAR(chi_square, kBins - 1, 5 * std::sqrt(2.0 * (kBins - 1)));
}

}  // namespace
}  // namespace fluvox::kernels
