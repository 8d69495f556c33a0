#include "audio/loudness.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "support/made_speech.h"
#include "support/throws.h"

namespace fluvox::audio {
namespace {

using support::thrown_by;

struct Stretch {
  double dbfs, seconds;
};

// A sine of these peak levels, one after the other.
std::vector<float> sine(double hertz, int rate, const std::vector<Stretch>& stretches) {
  std::vector<float> samples;
  for (const auto& [dbfs, seconds] : stretches) {
    const double amplitude = std::pow(10.0, dbfs / 20);
    for (int i = 0; i < std::lround(seconds * rate); ++i) {
      const double phase =
          2 * std::numbers::pi * hertz * static_cast<double>(samples.size()) / rate;
      samples.push_back(static_cast<float>(amplitude * std::sin(phase)));
    }
  }
  return samples;
}

// The signals of EBU Tech 3341 are two equal channels; one channel of them measures 3.01 less.
const double kOneOfTwo = 10 * std::log10(2.0);

TEST(Loudness, CoefficientsAreThoseOfTheStandard) {
  const std::array<Biquad, 2> k = k_weighting(48000);
  constexpr double kTolerance = 1e-12;
  EXPECT_NEAR(k[0].b0, 1.53512485958697, kTolerance);
  EXPECT_NEAR(k[0].b1, -2.69169618940638, kTolerance);
  EXPECT_NEAR(k[0].b2, 1.19839281085285, kTolerance);
  EXPECT_NEAR(k[0].a1, -1.69065929318241, kTolerance);
  EXPECT_NEAR(k[0].a2, 0.73248077421585, kTolerance);
  EXPECT_EQ(k[1].b0, 1.0);
  EXPECT_EQ(k[1].b1, -2.0);
  EXPECT_EQ(k[1].b2, 1.0);
  EXPECT_NEAR(k[1].a1, -1.99004745483398, kTolerance);
  EXPECT_NEAR(k[1].a2, 0.99007225036621, kTolerance);
}

TEST(Loudness, AFullScaleSineIsMinusThree) {
  for (const int rate : {8000, 16000, 22050, 44100, 48000, 96000}) {
    EXPECT_NEAR(integrated_loudness(sine(997, rate, {{0, 5}}), rate), -3.01, 0.05) << rate;
  }
}

// EBU Tech 3341, minimum requirements test signals 1 to 5; the tolerance is theirs.
TEST(Loudness, MinimumRequirementsOfTheEbu) {
  const std::vector<std::pair<std::vector<Stretch>, double>> cases{
      {{{-23, 20}}, -23},
      {{{-33, 20}}, -33},
      {{{-36, 10}, {-23, 60}, {-36, 10}}, -23},
      {{{-72, 10}, {-36, 10}, {-23, 60}, {-36, 10}, {-72, 10}}, -23},
      {{{-26, 20}, {-20, 20.1}, {-26, 20}}, -23}};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const std::vector<float> samples = sine(1000, 48000, cases[i].first);
    EXPECT_NEAR(integrated_loudness(samples, 48000) + kOneOfTwo, cases[i].second, 0.1)
        << "signal " << i + 1;
  }
}

// At other rates the curve must be the published one at 48 kHz.
TEST(Loudness, TheCurveIsTheSameAtEveryRate) {
  const auto response = [](const std::array<Biquad, 2>& filters, double hertz, int rate) {
    const std::complex<double> z = std::polar(1.0, -2 * std::numbers::pi * hertz / rate);
    std::complex<double> gain = 1;
    for (const Biquad& f : filters) {
      gain *= (f.b0 + f.b1 * z + f.b2 * z * z) / (1.0 + f.a1 * z + f.a2 * z * z);
    }
    return 20 * std::log10(std::abs(gain));
  };
  const std::array<Biquad, 2> published{
      {{1.53512485958697, -2.69169618940638, 1.19839281085285, -1.69065929318241, 0.73248077421585},
       {1, -2, 1, -1.99004745483398, 0.99007225036621}}};
  for (const int rate : {16000, 22050, 44100, 96000}) {
    for (const double hertz : {25.0, 60.0, 250.0, 1000.0, 2000.0, 3500.0}) {
      EXPECT_NEAR(response(k_weighting(rate), hertz, rate), response(published, hertz, 48000), 0.25)
          << hertz << " Hz at " << rate;
    }
  }
}

TEST(Loudness, SilenceHasNone) {
  EXPECT_EQ(integrated_loudness(std::vector<float>(48000), 48000), -INFINITY);
  EXPECT_EQ(integrated_loudness({}, 48000), -INFINITY);
  EXPECT_EQ(integrated_loudness(sine(997, 48000, {{-80, 2}}), 48000), -INFINITY);
}

TEST(Loudness, ShorterThanABlockIsOneBlock) {
  EXPECT_NEAR(integrated_loudness(sine(997, 48000, {{-20, 0.3}}), 48000), -23.01, 0.1);
}

TEST(Normalization, ReachesTheLoudnessWanted) {
  std::vector<float> speech = support::made_speech(22050, 4, 8);
  const std::vector<float> before = speech;
  const auto report = apply_normalization(speech, 22050, Normalization::parse("lufs:-35"));
  EXPECT_FALSE(report.limited);
  EXPECT_NEAR(integrated_loudness(speech, 22050), -35, 0.05);
  for (std::size_t i = 0; i < speech.size(); ++i) {
    ASSERT_NEAR(speech[i], before[i] * report.gain, 1e-7);
  }
}

TEST(Normalization, NeverClips) {
  std::vector<float> speech = support::made_speech(22050, 4, 8);
  const auto report = apply_normalization(speech, 22050, Normalization::parse("lufs:-1"));
  EXPECT_TRUE(report.limited);
  float peak = 0;
  for (const float x : speech) peak = std::max(peak, std::fabs(x));
  EXPECT_FLOAT_EQ(peak, 32767.0f / 32768);
}

TEST(Normalization, PeakAndNone) {
  std::vector<float> samples{0.1f, -0.25f, 0.2f};
  apply_normalization(samples, 22050, Normalization::parse("none"));
  EXPECT_EQ(samples[1], -0.25f);
  apply_normalization(samples, 22050, Normalization::parse("peak"));
  EXPECT_FLOAT_EQ(samples[1], -32767.0f / 32768);
  EXPECT_FLOAT_EQ(samples[0], 0.4f * 32767.0f / 32768);
}

TEST(Normalization, SilenceStaysSilent) {
  for (const char* kind : {"peak", "lufs:-23"}) {
    std::vector<float> samples(30000);
    EXPECT_EQ(apply_normalization(samples, 22050, Normalization::parse(kind)).gain, 1.0);
    EXPECT_TRUE(samples == std::vector<float>(30000));
  }
}

TEST(Normalization, WordsAreChecked) {
  EXPECT_EQ(Normalization::parse("lufs:-23.5").lufs, -23.5);
  for (const char* bad : {"", "loud", "lufs", "lufs:", "lufs:x", "lufs:-23x", "lufs:1", "lufs:-71",
                          "lufs:nan", "lufs:-inf"}) {
    EXPECT_EQ(thrown_by([&] { Normalization::parse(bad); }).fault(), Fault::usage) << bad;
  }
}

}  // namespace
}  // namespace fluvox::audio
