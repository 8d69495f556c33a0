#include "report/periodicity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

#include "core/error.h"
#include "support/throws.h"

namespace fluvox::report {
namespace {

constexpr int kRate = 22050;
constexpr double kSeconds = 2;

PitchTrack constant_track(double hertz) {
  return {0.01, std::vector<float>(static_cast<size_t>(kSeconds * 100), static_cast<float>(hertz))};
}

// Pulses through a resonance at 2 kHz, each moved by up to `jitter` of a period and as loud as
// chance says where `shimmer` is not 0.
std::vector<float> pulses(double hertz, double jitter, double shimmer = 0) {
  std::vector<float> samples(static_cast<size_t>(kSeconds * kRate));
  std::mt19937 random(1);
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (double at = 0; at < kSeconds; at += 1 / hertz) {
    const double start = (at + jitter * uniform(random) / hertz) * kRate;
    const double level = 0.3 * (1 + shimmer * uniform(random));
    for (int i = 0; i < 150; ++i) {
      const auto n = static_cast<std::ptrdiff_t>(start) + i;
      if (n < 0 || n >= static_cast<std::ptrdiff_t>(samples.size())) continue;
      samples[static_cast<size_t>(n)] += static_cast<float>(
          level * std::exp(-i / 25.0) * std::sin(2 * std::numbers::pi * 2000 * i / kRate));
    }
  }
  return samples;
}

TEST(Periodicity, OfAPulseTrainIsOne) {
  const Periodicity found = periodicity(pulses(105, 0), kRate, constant_track(105));
  EXPECT_GT(found.envelope, 0.98);
  // A track that is 3% off still finds the period.
  EXPECT_GT(periodicity(pulses(105, 0), kRate, constant_track(102)).envelope, 0.98);
}

TEST(Periodicity, OfNoiseIsNearNothing) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 0.1F);
  std::vector<float> noise(static_cast<size_t>(kSeconds * kRate));
  for (float& x : noise) x = normal(random);
  const Periodicity found = periodicity(noise, kRate, constant_track(110));
  EXPECT_LT(std::abs(found.envelope), 0.25);  // the best of some lags is above 0
  EXPECT_LT(std::abs(found.pitch), 0.35);
}

// A sine of power S in noise that leaves N in the band correlates with itself by S / (S + N).
TEST(Periodicity, OfASineInNoiseIsItsShareOfThePower) {
  const double hertz = 210;
  for (const double share : {0.95, 0.8}) {
    const double amplitude = 0.3, power = amplitude * amplitude / 2;
    const double in_band = power * (1 - share) / share;  // of the noise
    const double deviation = std::sqrt(in_band / (1140.0 / (kRate / 2.0)));
    std::mt19937 random(2);
    std::normal_distribution<double> normal(0, deviation);
    std::vector<float> samples(static_cast<size_t>(kSeconds * kRate));
    for (size_t i = 0; i < samples.size(); ++i)
      samples[i] = static_cast<float>(
          amplitude * std::sin(2 * std::numbers::pi * hertz * static_cast<double>(i) / kRate) +
          normal(random));
    EXPECT_NEAR(periodicity(samples, kRate, constant_track(hertz)).pitch, share, 0.03);
  }
}

TEST(Periodicity, PulsesOutOfStepLowerTheEnvelopes) {
  double last = 1;
  for (const double jitter : {0.0, 0.05, 0.1, 0.2}) {
    const double found = periodicity(pulses(105, jitter), kRate, constant_track(105)).envelope;
    EXPECT_LT(found, jitter == 0 ? 1.001 : last - 0.03) << jitter;
    last = found;
  }
}

TEST(Periodicity, IsNoNumberWithoutVoicedFrames) {
  const auto sound = pulses(100, 0);
  EXPECT_TRUE(std::isnan(periodicity(sound, kRate, constant_track(0)).pitch));
  EXPECT_TRUE(std::isnan(periodicity({}, kRate, constant_track(100)).envelope));
  EXPECT_TRUE(
      std::isnan(periodicity(std::vector<float>(44100), kRate, constant_track(100)).envelope));
  EXPECT_EQ(support::thrown_by([&] { periodicity(sound, 4000, constant_track(100)); }).code(),
            "periodicity-rate");
}

}  // namespace
}  // namespace fluvox::report
