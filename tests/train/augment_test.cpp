#include "train/augment.h"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>
#include <set>

namespace fluvox::train {
namespace {

// The gain of symmetric taps at a frequency, 1 = half the rate, straight from the definition.
double gain_at(const std::vector<float>& taps, double frequency) {
  std::complex<double> sum = 0;
  const int half = static_cast<int>(taps.size()) / 2;
  for (int t = -half; t <= half; ++t)
    sum += static_cast<double>(taps[static_cast<size_t>(t + half)]) *
           std::polar(1.0, -std::numbers::pi * frequency * t);
  EXPECT_NEAR(sum.imag(), 0, 1e-6);  // zero delay
  return sum.real();
}

TEST(Augment, FirHasTheGainsAskedFor) {
  std::vector<double> gains;
  for (int i = 0; i <= 128; ++i) gains.push_back(1.5 + std::sin(i / 128.0 * 4));
  const auto taps = fir_from_gains(gains, 96);
  for (int i = 4; i <= 124; i += 8)
    EXPECT_NEAR(gain_at(taps, i / 128.0), gains[static_cast<size_t>(i)], 0.01);
}

TEST(Augment, FilteringIsConvolutionWithoutDelay) {
  std::vector<float> impulse(50, 0.0f);
  impulse[20] = 1;
  const auto result = filtered(impulse, {0.25f, 0.5f, 0.25f});
  EXPECT_EQ(result[19], 0.25f);
  EXPECT_EQ(result[20], 0.5f);
  EXPECT_EQ(result[21], 0.25f);
  EXPECT_EQ(result[22], 0.0f);
}

TEST(Augment, LevelsStayInTheirBounds) {
  std::set<float> peaks;
  for (uint32_t slot = 0; slot < 20; ++slot) {
    std::vector<float> sound(4000);
    for (size_t i = 0; i < sound.size(); ++i)
      sound[i] = 0.3f * std::sin(0.1f * static_cast<float>(i));
    Random random(1, 2, slot, 3);
    augment(sound, 22050, random);
    float peak = 0;
    for (float x : sound) peak = std::max(peak, std::fabs(x));
    EXPECT_GT(peak, 0.099f);
    EXPECT_LT(peak, 0.956f);
    peaks.insert(peak);
  }
  EXPECT_EQ(peaks.size(), 20u);
}

TEST(Augment, SilenceBecomesTheNoiseFloorAndStaysFinite) {
  std::vector<float> sound(4000, 0.0f);
  Random random(1, 2, 3, 4);
  augment(sound, 22050, random);
  double power = 0;
  for (float x : sound) power += static_cast<double>(x) * x;
  const double deviation = std::sqrt(power / 4000);
  EXPECT_GT(deviation, 0.9e-5);
  EXPECT_LT(deviation, 1.1e-3);
}

TEST(Random, StreamsDiffer) {
  std::set<uint32_t> words;
  for (uint64_t step : {0ull, 1ull, 1ull << 33})
    for (uint32_t slot : {0u, 1u})
      for (uint32_t purpose : {0u, 1u}) {
        Random random(9, step, slot, purpose);
        for (int i = 0; i < 100; ++i) words.insert(random.word());
      }
  EXPECT_GT(words.size(), 1195u);  // 1200 words of 32 bits: no repeats but by chance
}

TEST(Random, BelowStaysBelow) {
  Random random(1, 1, 1, 1);
  for (int i = 0; i < 1000; ++i) {
    const int64_t n = random.below(3);
    EXPECT_GE(n, 0);
    EXPECT_LT(n, 3);
  }
}

}  // namespace
}  // namespace fluvox::train
