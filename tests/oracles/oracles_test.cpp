// The oracles themselves: what their own exact densities give on their own draws is the published
// figure, within the error of the mean; every density integrates to one.
#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "support/oracles/gaussian.h"
#include "support/oracles/level.h"
#include "support/oracles/mean.h"
#include "support/oracles/plane.h"
#include "support/oracles/process.h"
#include "support/oracles/sixteen_bit.h"
#include "support/oracles/speech.h"
#include "support/oracles/student.h"

namespace fluvox::oracles {
namespace {

double sum(const std::vector<double>& values) {
  double total = 0;
  for (const double v : values) total += v;
  return total;
}

// Minus the mean log-density of an oracle's own draws, and its standard error.
Mean nats(const Oracle& oracle, int samples, int items) {
  Mean mean;
  for (int i = 0; i < items; ++i)
    mean.add(-sum(oracle.log_density(oracle.draw(7, static_cast<uint64_t>(i), samples))) / samples);
  return mean;
}

void expect_published(const Mean& found, double published) {
  EXPECT_NEAR(found.mean(), published, 4 * found.error() + 1e-5);
  EXPECT_LT(found.error(), 0.02);
}

TEST(Oracles, OfInnovationsReachTheirEntropies) {
  expect_published(nats(resonant(), 500, 400), -1.57679);  // B1
  expect_published(nats(nonlinear(), 500, 400), gaussian_entropy(0.01));
  expect_published(nats(laplacian(), 500, 400), std::log(2 * 0.1 * std::numbers::e));
  expect_published(nats(two_scales(), 500, 400), -2.03924);
  expect_published(nats(switching(), 500, 400), 0.26765);
}

TEST(Oracles, OfInnovationsStateTheirClosedForms) {
  EXPECT_NEAR(resonant().innovation_entropy(), -1.57679, 5e-6);
  EXPECT_NEAR(two_scales().innovation_entropy(), -2.03924, 5e-6);
  EXPECT_NEAR(laplacian().innovation_entropy(), std::log(0.2 * std::numbers::e), 1e-12);
}

// What a conditional Gaussian loses: its best has the innovations' own variance.
TEST(Oracles, GapsOfAConditionalGaussianAreThePublishedOnes) {
  const double laplace_variance = 2 * 0.1 * 0.1;
  EXPECT_NEAR(gaussian_entropy(laplace_variance) - laplacian().innovation_entropy(), 0.07236, 5e-6);
  const double mixed = 0.9 * 0.02 * 0.02 + 0.1 * 0.2 * 0.2;
  EXPECT_NEAR(gaussian_entropy(mixed) - two_scales().innovation_entropy(), 0.74054, 5e-6);
}

TEST(Oracles, ResonanceHasTheStatedPowerWithoutMemory) {
  const auto a = resonance();
  const auto r = ar2_covariance(a[0], a[1], kResonanceDeviation * kResonanceDeviation, 2);
  EXPECT_NEAR(gaussian_entropy(r[0]), 0.21852, 5e-6);
}

TEST(Oracles, BlocksOfAGaussianProcessReachTheDeterminant) {  // B2
  const auto a = resonance();
  const GaussianProcess process(
      ar2_covariance(a[0], a[1], kResonanceDeviation * kResonanceDeviation, 64));
  EXPECT_NEAR(process.entropy(64), -1.53558, 5e-6);
  expect_published(nats(process, 64, 3000), -1.53558);
}

TEST(Oracles, ReceptiveFieldCurveIsThePublishedOne) {  // B4
  const GaussianProcess process(ma1_covariance(0.9, 200));
  EXPECT_NEAR(process.entropy_seen(1), 1.57359, 5e-6);
  EXPECT_NEAR(process.entropy_seen(2), 1.51652, 5e-6);
  EXPECT_NEAR(process.entropy_seen(8), 1.43544, 5e-6);
  EXPECT_NEAR(process.entropy_seen(199), 1.41894, 5e-6);
  for (const int taps : {1, 2, 8}) {
    Mean mean;
    for (uint64_t i = 0; i < 400; ++i)
      mean.add(-sum(process.log_density_seen(process.draw(7, i, 200), taps)) / 200);
    EXPECT_NEAR(mean.mean(), process.entropy_seen(taps), 4 * mean.error() + 0.005) << taps;
  }
}

TEST(Oracles, LevelsHaveThePublishedFloor) {  // B5
  EXPECT_NEAR(Level::volume_preserving_floor(), 0.80969, 5e-6);
  expect_published(nats(Level(16), 64, 6000), Level::entropy());
}

// The least KL of L + 1 taps by coordinate descent on the quadratic form that it is, against the
// formula.
TEST(Oracles, StudentFloorIsTheLeastOfItsQuadraticForm) {  // B6
  EXPECT_NEAR(student_floor(0.9, 10), 0.010271, 5e-7);
  constexpr double kA = 0.9;
  constexpr int kSeen = 10;
  std::vector<double> w(kSeen + 2, 0.0);  // w_0 = 1, w_{L+1} = 0
  w[0] = 1;
  for (int round = 0; round < 20000; ++round)
    for (size_t i = 1; i <= kSeen; ++i)  // (w_i - a w_{i-1})^2 + (w_{i+1} - a w_i)^2
      w[i] = kA * (w[i - 1] + w[i + 1]) / (1 + kA * kA);
  double power = w[0] * w[0];
  for (size_t i = 1; i < w.size(); ++i) power += (w[i] - kA * w[i - 1]) * (w[i] - kA * w[i - 1]);
  EXPECT_NEAR(0.5 * std::log(power), student_floor(kA, kSeen), 1e-12);
}

TEST(Oracles, SpeechReachesItsConditionalEntropy) {  // B8
  const SourceFilterSpeech speech(64);
  Mean excess;  // over h(x | c) of the same clip: the levels of the frames cancel
  for (uint64_t i = 0; i < 200; ++i) {
    const Clip clip = speech.draw(7, i, 1024);
    excess.add(-sum(speech.log_density(clip)) / 1024 - speech.entropy(clip));
  }
  EXPECT_NEAR(excess.mean(), 0, 4 * excess.error());
  EXPECT_LT(excess.error(), 0.005);
}

// Of its own noise alone: with one clip's features and many draws of e, the mean and variance of
// every sample are those of the closed form. A steady clip has the textbook's figures: the variance
// of an all-pole process is G^2 / prod(1 - k^2).
TEST(Oracles, SpeechFromItsFeaturesIsTheMarginal) {
  const SourceFilterSpeech speech(16);
  const SpeechFromFeatures marginal(16);
  Mean cost;
  double expected = 0;
  for (uint64_t i = 0; i < 300; ++i) {
    Clip clip = speech.draw(7, i, 1024);
    cost.add((sum(speech.log_density(clip)) - sum(marginal.log_density(clip))) / 1024);
    // Half the logarithm of how far the filter lifts the variance, by the autocorrelation of its
    // impulse response, as if every frame lasted for ever
    for (int f = 0; f < clip.frames; ++f) {
      const auto a = SourceFilterSpeech::filter(clip, f);
      std::vector<double> h{1};
      double power = 1;
      for (int t = 1; t < 2000; ++t) {
        double value = 0;
        for (int k = 1; k <= std::min(t, 4); ++k)
          value += a[static_cast<size_t>(k - 1)] * h[static_cast<size_t>(t - k)];
        h.push_back(value);
        power += value * value;
      }
      expected += 0.5 * std::log(power) / clip.frames / 300;
    }
  }
  EXPECT_NEAR(cost.mean(), expected, 0.05);  // frames do not last for ever, and levels move
  // A single sample after silence: no more than its own push
  Clip clip = speech.draw(7, 1, 16);
  const double first = marginal.log_density(clip)[0];
  EXPECT_NEAR(first, speech.log_density(clip)[0], 1e-12);
  // Where the true filter is followed exactly, the mean is the answer to the pulses alone: a clip
  // that is nothing but this answer lies at the top of every Gaussian.
  clip = speech.draw(7, 2, 512);
  std::vector<double> answer;
  for (int t = 0; t < 512; ++t) {
    const auto a = SourceFilterSpeech::filter(clip, t / 16);
    double x = SourceFilterSpeech::gain(clip, t / 16) * speech.pulse(clip, t);
    for (int k = 1; k <= std::min(t, 4); ++k)
      x += a[static_cast<size_t>(k - 1)] * answer[static_cast<size_t>(t - k)];
    answer.push_back(x);
  }
  const double drawn = sum(marginal.log_density(clip));
  clip.x = answer;
  const auto best = marginal.log_density(clip);
  EXPECT_GT(sum(best), drawn);
  for (const int t : {3, 100, 511})
    for (const double off : {-0.01, 0.01}) {
      Clip moved = clip;
      moved.x[static_cast<size_t>(t)] += off;
      EXPECT_LT(sum(marginal.log_density(moved)), sum(best));
    }
}

TEST(Oracles, SpeechIsStableVoicedAndInRange) {
  const SourceFilterSpeech speech(64);
  double peak = 0, power = 0, voiced = 0;
  for (uint64_t i = 0; i < 50; ++i) {
    const Clip clip = speech.draw(8, i, 4096);
    for (size_t t = 0; t < clip.x.size(); ++t) {
      peak = std::max(peak, std::abs(clip.x[t]));
      power += clip.x[t] * clip.x[t];
      voiced += speech.pulse(clip, static_cast<int>(t)) != 0;
    }
  }
  power /= 50 * 4096;
  voiced /= 50 * 4096;
  EXPECT_GT(power, 0.005);
  EXPECT_LT(power, 0.1);
  EXPECT_LT(peak, 3);
  EXPECT_NEAR(voiced, 0.75, 0.1);
}

// The step-up recursion against the poles: the reflection coefficients of 1 - 2 r cos w z^-1 + r^2
// z^-2 are 2 r cos w / (1 + r^2) and -r^2.
TEST(Oracles, ReflectionCoefficientsGiveTheFilter) {
  const auto a = resonance();
  const auto made = prediction_from_reflection({a[0] / (1 - a[1]), a[1]});
  ASSERT_EQ(made.size(), 2u);
  EXPECT_NEAR(made[0], a[0], 1e-15);
  EXPECT_NEAR(made[1], a[1], 1e-15);
}

// A pulse train runs on over the borders of frames: the sum of harmonics of one running phase.
TEST(Oracles, PulsesRunOnFromFrameToFrame) {
  const SourceFilterSpeech speech(64);
  for (uint64_t i = 0; i < 20; ++i) {
    const Clip clip = speech.draw(9, i, 1024);
    for (int f = 1; f < clip.frames; ++f) {
      bool same = true;
      for (int band = 4; band < clip.bands; band += 2)
        same = same && (clip.feature(band, f) == 0) == (clip.feature(band, f - 1) == 0);
      if (!same) continue;
      // Three harmonics of at most 160 Hz move by at most 2 pi 160 (1 + 2 + 3) / 8000 a sample.
      EXPECT_LT(std::abs(speech.pulse(clip, 64 * f) - speech.pulse(clip, 64 * f - 1)), 0.76);
    }
  }
}

TEST(Oracles, PlanesReachTheirEntropies) {  // B9
  EXPECT_NEAR(Banana::entropy(), 4.22417, 5e-6);
  expect_published(nats(Banana(), 2, 20000), Banana::entropy() / 2);
  EXPECT_NEAR(nats(Checkerboard(), 2, 1000).mean(), Checkerboard::entropy() / 2, 1e-12);
}

double integral(const Oracle& oracle, double low0, double high0, double low1, double high1,
                int cells) {
  const double width = (high0 - low0) / cells, height = (high1 - low1) / cells;
  double total = 0;
  Clip clip;
  for (int i = 0; i < cells; ++i)
    for (int j = 0; j < cells; ++j) {
      clip.x = {low0 + (i + 0.5) * width, low1 + (j + 0.5) * height};
      total += std::exp(sum(oracle.log_density(clip)));
    }
  return total * width * height;
}

TEST(Oracles, PlanesIntegrateToOne) {
  EXPECT_NEAR(integral(Banana(), -24, 24, -8, 150, 1200), 1, 1e-6);
  EXPECT_NEAR(integral(Ring(), -6, 6, -6, 6, 400), 1, 1e-9);
  EXPECT_NEAR(integral(Checkerboard(), -3, 3, -3, 3, 600), 1, 1e-9);
}

// So do two samples of every process of innovations.
TEST(Oracles, PairsOfInnovationsIntegrateToOne) {
  EXPECT_NEAR(integral(laplacian(), -3, 3, -4, 4, 1000), 1, 1e-3);
  EXPECT_NEAR(integral(two_scales(), -1.5, 1.5, -2, 2, 1000), 1, 1e-6);
  EXPECT_NEAR(integral(switching(), -7, 7, -7, 7, 1000), 1, 1e-2);  // a jump at x_0 = 0
  EXPECT_NEAR(integral(nonlinear(), -1, 1, -2, 2, 1000), 1, 1e-9);
}

TEST(Oracles, RingHasItsModes) {
  std::set<int> seen;
  for (uint64_t i = 0; i < 200; ++i) {
    const Clip clip = Ring().draw(3, i, 2);
    seen.insert(
        static_cast<int>(std::lround(std::atan2(clip.x[1], clip.x[0]) / std::numbers::pi * 4 + 8)) %
        8);
  }
  EXPECT_EQ(seen.size(), 8u);
}

TEST(Oracles, OneSeedIsOneDataSet) {
  const SourceFilterSpeech speech(16);
  const Clip clip = speech.draw(1, 2, 64);
  EXPECT_EQ(clip.x, speech.draw(1, 2, 64).x);
  EXPECT_NE(clip.x, speech.draw(1, 3, 64).x);
  EXPECT_NE(clip.x, speech.draw(2, 2, 64).x);
}

TEST(Oracles, SixteenBitsBoundTheDensity) { EXPECT_NEAR(kSixteenBitBound, 10.397, 5e-4); }

}  // namespace
}  // namespace fluvox::oracles
