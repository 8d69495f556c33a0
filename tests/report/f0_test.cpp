// The pitch tracker on made sounds of known pitch.
#include "report/f0.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

#include "core/error.h"

namespace fluvox::report {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;

std::vector<float> tone(double hertz, double seconds, int rate, double level = 0.3) {
  std::vector<float> samples(static_cast<size_t>(seconds * rate));
  for (size_t i = 0; i < samples.size(); ++i)
    samples[i] =
        static_cast<float>(level * std::sin(kTurn * hertz * static_cast<double>(i) / rate));
  return samples;
}

// Harmonics up to half the rate with equal weight: a band-limited pulse train, like a glottis.
std::vector<float> pulses(double hertz, double seconds, int rate) {
  std::vector<float> samples(static_cast<size_t>(seconds * rate));
  const int harmonics = static_cast<int>(0.45 * rate / hertz);
  for (size_t i = 0; i < samples.size(); ++i) {
    double sum = 0;
    for (int h = 1; h <= harmonics; ++h)
      sum += std::cos(kTurn * hertz * h * static_cast<double>(i) / rate);
    samples[i] = static_cast<float>(0.5 * sum / harmonics);
  }
  return samples;
}

// Every frame but those at the ends must be voiced and within `tolerance` of the truth.
template <class Truth>
void expect_pitch(const PitchTrack& track, Truth truth, double tolerance) {
  ASSERT_GT(track.hertz.size(), 10u);
  for (size_t k = 4; k + 4 < track.hertz.size(); ++k) {
    const double expected = truth(static_cast<double>(k) * track.hop);
    EXPECT_NEAR(track.hertz[k], expected, tolerance * expected) << "frame " << k;
  }
}

TEST(F0, TonesAndPulseTrainsWithinOnePercent) {
  for (const int rate : {8000, 22050, 48000})
    for (const double hertz : {62.0, 85.0, 110.0, 155.6, 210.0, 330.0, 480.0}) {
      SCOPED_TRACE(testing::Message() << hertz << " Hz at " << rate);
      expect_pitch(
          track_pitch(tone(hertz, 0.5, rate), rate), [&](double) { return hertz; }, 0.01);
      expect_pitch(
          track_pitch(pulses(hertz, 0.5, rate), rate), [&](double) { return hertz; }, 0.01);
    }
}

TEST(F0, FollowsAGlideUpAndDown) {
  const int rate = 22050;
  for (const bool up : {true, false}) {
    const auto truth = [up](double t) { return up ? 100 * std::exp2(t) : 300 * std::exp2(-t); };
    std::vector<float> samples(2 * rate);
    double phase = 0;
    for (size_t i = 0; i < samples.size(); ++i) {
      phase += kTurn * truth(static_cast<double>(i) / rate) / rate;
      for (int h = 1; h <= 10; ++h)
        samples[i] += static_cast<float>(0.2 / h * std::sin(h * phase + h * h));
    }
    expect_pitch(track_pitch(samples, rate), truth, 0.002);
  }
}

TEST(F0, TheFundamentalMayBeMissing) {
  const int rate = 16000;
  std::vector<float> samples(8000);
  for (size_t i = 0; i < samples.size(); ++i)
    for (const int h : {3, 4, 5})
      samples[i] +=
          static_cast<float>(0.2 * std::sin(kTurn * 150 * h * static_cast<double>(i) / rate));
  expect_pitch(
      track_pitch(samples, rate), [](double) { return 150.0; }, 0.01);
}

TEST(F0, SilenceAndNoiseAreUnvoiced) {
  const int rate = 22050;
  EXPECT_EQ(voiced_share(track_pitch(std::vector<float>(rate), rate)), 0);
  EXPECT_EQ(voiced_share(track_pitch(std::vector<float>(rate, 0.25F), rate)), 0);  // only an offset
  EXPECT_EQ(voiced_share(track_pitch(tone(120, 1, rate, 3e-5), rate)), 0);  // one step of 16 bits
  std::mt19937 random(1);
  std::vector<float> noise(4 * rate);
  for (float& sample : noise)
    sample = static_cast<float>(static_cast<double>(random()) / 4294967296.0 - 0.5);
  EXPECT_LT(voiced_share(track_pitch(noise, rate)), 0.02);
}

TEST(F0, VoicedAndUnvoicedStretchesAreToldApart) {
  const int rate = 22050;
  std::vector<float> samples = tone(140, 0.5, rate);
  samples.resize(samples.size() + rate / 2);
  const std::vector<float> second = pulses(230, 0.5, rate);
  samples.insert(samples.end(), second.begin(), second.end());
  const PitchTrack track = track_pitch(samples, rate);
  ASSERT_EQ(track.hertz.size(), 151u);
  for (size_t k = 4; k < 47; ++k) EXPECT_NEAR(track.hertz[k], 140, 1.4) << k;
  for (size_t k = 54; k < 97; ++k) EXPECT_EQ(track.hertz[k], 0) << k;
  for (size_t k = 104; k < 147; ++k) EXPECT_NEAR(track.hertz[k], 230, 2.3) << k;
}

TEST(F0, OffsetsAndNoiseDoNotMoveIt) {
  const int rate = 22050;
  std::mt19937 random(2);
  std::vector<float> samples = pulses(180, 1, rate);
  for (float& sample : samples)
    sample +=
        0.3F + static_cast<float>(0.02 * (static_cast<double>(random()) / 4294967296.0 - 0.5));
  expect_pitch(
      track_pitch(samples, rate), [](double) { return 180.0; }, 0.01);
}

TEST(F0, BlocksLeaveNoSeam) {
  // Longer than what is filtered at a time: 10 s.
  const int rate = 8000;
  expect_pitch(
      track_pitch(tone(123, 21, rate), rate), [](double) { return 123.0; }, 0.01);
}

TEST(F0, ExtremeInputs) {
  EXPECT_TRUE(track_pitch({}, 22050).hertz.empty());
  EXPECT_EQ(track_pitch(std::vector<float>{0.5F}, 22050).hertz, std::vector<float>{0.0F});
  std::vector<float> hostile(22050, std::nanf(""));
  hostile[5] = INFINITY;
  EXPECT_EQ(voiced_share(track_pitch(hostile, 22050)), 0);
  EXPECT_NO_THROW(track_pitch(std::vector<float>(5000, 3e38F), 22050));
  EXPECT_THROW(track_pitch(hostile, 1999), Error);
  EXPECT_THROW(track_pitch(hostile, 768001), Error);
  EXPECT_NO_THROW(track_pitch(tone(100, 0.2, 768000), 768000));
  EXPECT_NO_THROW(track_pitch(tone(100, 0.2, 2000), 2000));
}

TEST(F0, ABlipIsNoPitch) {
  const int rate = 22050;
  std::vector<float> samples(rate);
  const std::vector<float> blip = tone(120, 0.015, rate);  // not two periods
  std::copy(blip.begin(), blip.end(), samples.begin() + rate / 2);
  EXPECT_EQ(voiced_share(track_pitch(samples, rate)), 0);
}

TEST(F0, SummariesOfATrack) {
  PitchTrack track;
  EXPECT_EQ(median_pitch(track), 0);
  EXPECT_EQ(voiced_share(track), 0);
  track.hertz = {0, 100, 300, 0, 200};
  EXPECT_EQ(median_pitch(track), 200);
  EXPECT_DOUBLE_EQ(voiced_share(track), 0.6);
  const PitchTrack two = coarser(track, 2);
  EXPECT_DOUBLE_EQ(two.hop, 0.02);
  EXPECT_EQ(two.hertz, (std::vector<float>{100, 300, 200}));
  EXPECT_EQ(coarser({0.01, {0, 0, 0}}, 3).hertz, std::vector<float>{0});
}

}  // namespace
}  // namespace fluvox::report
