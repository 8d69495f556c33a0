// Each metric against what it must give in closed form.
#include "report/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

#include "core/error.h"
#include "support/throws.h"

namespace fluvox::report {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;
constexpr int kRate = 22050;

mel::Mel made_mel(int frames, int bands, unsigned seed) {
  mel::Mel mel{frames, bands, std::vector<float>(static_cast<size_t>(frames) * bands)};
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(-3, 0.3F);
  for (float& x : mel.values) x = normal(random);
  return mel;
}

std::vector<float> white(size_t count, double deviation, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, deviation);
  std::vector<float> samples(count);
  for (float& x : samples) x = static_cast<float>(normal(random));
  return samples;
}

std::vector<float> times(std::vector<float> samples, double gain) {
  for (float& x : samples) x = static_cast<float>(gain * x);
  return samples;
}

TEST(Metrics, AtTheUsualRateTheMelIsTacotrons) {
  EXPECT_EQ(mel::describe_difference(compared_mel(22050), mel::convention("tacotron2")), "");
  EXPECT_EQ(compared_mel(8000).fmax, 4000);
}

TEST(Metrics, LogMelDistanceIsTheMeanMagnitude) {
  const mel::Mel a = made_mel(7, 80, 1);
  mel::Mel b = a;
  for (size_t i = 0; i < b.values.size(); ++i) b.values[i] += i % 4 == 0 ? -1.2F : 0;
  EXPECT_NEAR(log_mel_distance(a, b), 0.3, 1e-6);
  EXPECT_EQ(log_mel_distance(a, a), 0);
  EXPECT_EQ(support::thrown_by([&] { log_mel_distance(a, made_mel(6, 80, 1)); }).code(),
            "mels-differ");
}

// A ripple of one cepstral coefficient is that coefficient; the level and what is finer than 24
// coefficients do not count.
TEST(Metrics, CepstralDistortionOfAKnownShift) {
  const mel::Mel a = made_mel(9, 80, 2);
  const auto shifted = [&](std::vector<std::pair<int, double>> ripples, double level) {
    mel::Mel b = a;
    for (int t = 0; t < b.frames; ++t)
      for (int band = 0; band < 80; ++band) {
        double sum = level;
        for (const auto& [m, height] : ripples)
          sum += height * std::cos(std::numbers::pi * m * (band + 0.5) / 80);
        b.values[static_cast<size_t>(t * 80 + band)] += static_cast<float>(sum);
      }
    return mel_cepstral_distortion(a, b);
  };
  const double unit = 10 / std::log(10.0) * std::sqrt(2.0);
  EXPECT_NEAR(shifted({{1, 0.5}}, 0), 0.5 * unit, 1e-5);
  EXPECT_NEAR(shifted({{24, 0.2}}, 0), 0.2 * unit, 1e-5);
  EXPECT_NEAR(shifted({{3, 0.3}, {7, 0.4}}, 0), 0.5 * unit, 1e-5);
  EXPECT_NEAR(shifted({}, 0.7), 0, 1e-5);
  EXPECT_NEAR(shifted({{25, 0.5}, {60, 0.5}}, 0), 0, 1e-5);
}

TEST(Metrics, CepstralDistortionLeavesSilenceOut) {
  mel::Mel a = made_mel(10, 80, 3), b = a;
  for (int t = 5; t < 10; ++t)
    for (int band = 0; band < 80; ++band) {
      a.values[static_cast<size_t>(t * 80 + band)] -= 6;  // 52 dB
      b.values[static_cast<size_t>(t * 80 + band)] -= band < 40 ? 9.0F : 6.0F;
    }
  EXPECT_NEAR(mel_cepstral_distortion(a, b), 0, 1e-5);
}

// Of a copy that is the recording times g, every resolution gives |1 - g| + |ln g|.
TEST(Metrics, StftDistanceOfAGain) {
  const auto recording = white(20000, 0.2);
  for (const double gain : {0.5, 0.9, 1.3})
    EXPECT_NEAR(stft_distance(recording, times(recording, gain)),
                std::abs(1 - gain) + std::abs(std::log(gain)), 1e-4)
        << gain;
  EXPECT_EQ(stft_distance(recording, recording), 0);
  // To silence: all of the norm is missing, and the logarithm goes down to the floor.
  EXPECT_GT(stft_distance(recording, std::vector<float>(20000)), 5);
  EXPECT_EQ(support::thrown_by([&] { stft_distance(recording, white(5, 1)); }).code(),
            "sounds-differ");
}

// The gain moves level alone: cepstra of a louder copy are those of the recording.
TEST(Metrics, OfASoundAGainIsInTheMelAndNotInTheCepstra) {
  const auto recording = white(30000, 0.1);
  const mel::Convention c = compared_mel(kRate);
  const mel::Mel a = mel::analyse(recording, c), b = mel::analyse(times(recording, 2), c);
  EXPECT_NEAR(log_mel_distance(a, b), std::log(2.0), 1e-5);
  EXPECT_NEAR(mel_cepstral_distortion(a, b), 0, 1e-3);
}

std::vector<float> glide(double factor, double seconds) {
  std::vector<float> samples(static_cast<size_t>(seconds * kRate));
  double phase = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    phase += kTurn * factor * 120 * std::exp2(0.3 * static_cast<double>(i) / kRate) / kRate;
    for (int h = 1; h <= 8; ++h)
      samples[i] += static_cast<float>(0.2 / h * std::sin(h * phase + h * h));
  }
  return samples;
}

TEST(Metrics, PitchErrorOfATransposedGlide) {
  const PitchTrack track = track_pitch(glide(1, 1.5), kRate);
  for (const double cents : {0.0, 30.0, -80.0}) {
    const PitchError error =
        pitch_error(track, track_pitch(glide(std::exp2(cents / 1200), 1.5), kRate));
    EXPECT_NEAR(error.cents, std::abs(cents), 1) << cents;
    EXPECT_LT(error.voicing, 0.02);
  }
}

TEST(Metrics, VoicingErrorIsTheShareOfDifferingFrames) {
  const PitchTrack a{0.01, {0, 100, 100, 100, 0, 0, 200, 200}},
      b{0.01, {0, 0, 100, 101, 0, 150, 100, 0}};
  const PitchError error = pitch_error(a, b);
  EXPECT_EQ(error.voicing, 3.0 / 8);
  EXPECT_NEAR(error.cents, 1200 * std::log2(1.01), 1e-4);  // of 0, 17 and 1200 the middle one
  const PitchError none = pitch_error(a, {0.01, std::vector<float>(8)});
  EXPECT_TRUE(std::isnan(none.cents));
  EXPECT_EQ(none.voicing, 5.0 / 8);
}

// In white noise of variance v a sine of amplitude A stands A^2 N / (6 v) above a bin's mean power:
// (A/2 sum of Hann)^2 over v sum of Hann^2.
TEST(Metrics, ToneExcessOfAKnownSine) {
  const double deviation = 0.05;
  const auto with_tone = [&](double turns, double amplitude) {
    auto samples = white(200000, deviation);
    for (size_t i = 0; i < samples.size(); ++i)
      samples[i] +=
          static_cast<float>(amplitude * std::sin(kTurn * turns * static_cast<double>(i) + 0.3));
    return tone_excess(samples, kRate, 8);
  };
  EXPECT_LT(with_tone(0.375, 0), 1.5);
  for (const double amplitude : {0.01, 0.1}) {
    const double ratio = amplitude * amplitude * 4096 / (6 * deviation * deviation);
    for (const double turns : {0.125, 0.25, 0.375})
      EXPECT_NEAR(with_tone(turns, amplitude), 10 * std::log10(1 + ratio), 0.7) << turns;
  }
  EXPECT_LT(with_tone(0.4, 0.1), 1.5);  // no multiple of an eighth
  for (const int group : {2, 6, 1024})
    EXPECT_EQ(support::thrown_by([&] { tone_excess(white(5000, 1), kRate, group); }).code(),
              "tone-group");
}

}  // namespace
}  // namespace fluvox::report
