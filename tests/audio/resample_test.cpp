#include "audio/resample.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "support/made_speech.h"
#include "support/throws.h"

namespace fluvox::audio {
namespace {

std::vector<float> sine(double hertz, int rate, std::size_t length) {
  std::vector<float> samples(length);
  for (std::size_t i = 0; i < length; ++i) {
    samples[i] = static_cast<float>(
        0.5 * std::sin(2 * std::numbers::pi * hertz * static_cast<double>(i) / rate));
  }
  return samples;
}

// The largest difference, the ends left out where the filter sees the zeros beyond them.
double worst(std::span<const float> a, std::span<const float> b) {
  double most = 0;
  for (std::size_t i = 1000; i + 1000 < std::min(a.size(), b.size()); ++i) {
    most = std::max(most, std::fabs(static_cast<double>(a[i]) - b[i]));
  }
  return most;
}

TEST(Resample, TheLengthIsExact) {
  for (const auto& [from, to] : {std::pair{44100, 22050},
                                 {22050, 48000},
                                 {16000, 22050},
                                 {22050, 16000},
                                 {8000, 44100},
                                 {1000, 192000}}) {
    for (const std::size_t n : {0, 1, 2, 3, 7, 100, 4095, 4096, 4097, 10001}) {
      const auto expected =
          static_cast<std::size_t>(std::ceil(static_cast<long double>(n) * to / from));
      EXPECT_EQ(resample(std::vector<float>(n, 0.1f), from, to).size(), expected)
          << n << " samples from " << from << " to " << to;
      EXPECT_EQ(resampled_length(n, from, to), expected);
    }
  }
}

TEST(Resample, ASineStaysWhereItIs) {
  for (const auto& [from, to] : {std::pair{44100, 22050}, {22050, 48000}, {16000, 22050}}) {
    const std::vector<float> out =
        resample(sine(997, from, static_cast<std::size_t>(from)), from, to);
    EXPECT_LT(worst(out, sine(997, to, out.size())), 1e-6) << from << " to " << to;
  }
}

TEST(Resample, WhatTheNewRateCannotHoldIsGone) {
  const std::vector<float> out = resample(sine(13000, 44100, 44100), 44100, 22050);
  EXPECT_LT(worst(out, std::vector<float>(out.size())), 1e-6);
}

// Beyond its end the signal is zero, so writing the zeros out must change nothing, the last sample
// included.
TEST(Resample, TheEndIsComplete) {
  for (const auto& [from, to] : {std::pair{44100, 22050}, {22050, 48000}, {16000, 22050}}) {
    std::vector<float> samples = sine(997, from, 3001);
    const std::vector<float> out = resample(samples, from, to);
    samples.resize(samples.size() + 20000);
    std::vector<float> longer = resample(samples, from, to);
    longer.resize(out.size());
    EXPECT_TRUE(out == longer) << from << " to " << to;
    EXPECT_NE(out.back(), 0.0f);
  }
}

TEST(Resample, PiecesMakeTheSameSamples) {
  const std::vector<float> speech = support::made_speech(22050, 1.0, 3);
  const std::vector<float> whole = resample(speech, 22050, 48000);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{113}, std::size_t{5000}}) {
    Resampler resampler(22050, 48000);
    std::vector<float> out;
    for (std::size_t at = 0; at < speech.size(); at += piece) {
      resampler.process(std::span(speech).subspan(at, std::min(piece, speech.size() - at)), out);
    }
    resampler.finish(out);
    EXPECT_TRUE(out == whole) << "pieces of " << piece;
  }
}

TEST(Resample, EqualRatesChangeNothing) {
  const std::vector<float> speech = support::made_speech(22050, 0.1, 3);
  EXPECT_TRUE(resample(speech, 22050, 22050) == speech);
}

TEST(Resample, RatesBelowOneAreRefused) {
  EXPECT_EQ(support::thrown_by([] { Resampler(0, 22050); }).code(), "sample-rate");
  EXPECT_EQ(support::thrown_by([] { Resampler(22050, -1); }).code(), "sample-rate");
}

}  // namespace
}  // namespace fluvox::audio
