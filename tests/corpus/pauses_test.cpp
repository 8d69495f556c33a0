#include "corpus/pauses.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace fluvox::corpus {
namespace {

constexpr int kRate = 16000;

// Stretches of a tone of this amplitude, or of hiss alone, each of so many seconds.
struct Stretch {
  double seconds, level;
};
std::vector<float> made(const std::vector<Stretch>& stretches, double hiss = 1e-4) {
  std::vector<float> samples;
  uint32_t state = 1;
  for (const Stretch& s : stretches)
    for (int i = 0; i < std::lround(s.seconds * kRate); ++i) {
      state = state * 1664525u + 1013904223u;
      const double noise = hiss * (static_cast<double>(state) / 2147483648.0 - 1);
      const double t = static_cast<double>(samples.size()) / kRate;
      samples.push_back(
          static_cast<float>(s.level * std::sin(2 * std::numbers::pi * 200 * t) + noise));
    }
  return samples;
}

double at(size_t sample) { return static_cast<double>(sample) / kRate; }

TEST(Pauses, SilenceAtTheEndsIsFoundOverAnyHiss) {
  for (const double hiss : {0.0, 1e-4, 5e-3}) {  // the last: 32 dB below the speech
    const auto samples = made({{0.7, 0}, {1.5, 0.3}, {0.4, 0}, {1, 0.2}, {0.9, 0}}, hiss);
    const Piece heard = without_silence(samples, kRate);
    EXPECT_NEAR(at(heard.first), 0.6, 0.011) << hiss;
    EXPECT_NEAR(at(heard.last), 3.7, 0.011) << hiss;
  }
}

TEST(Pauses, NothingIsTakenFromSpeechWithoutThem) {
  const auto samples = made({{2, 0.3}});
  EXPECT_EQ(without_silence(samples, kRate).size(), samples.size());
  EXPECT_EQ(without_silence(std::vector<float>(5, 0.1F), kRate).size(), 5u);
  EXPECT_EQ(without_silence({}, kRate).size(), 0u);
}

TEST(Pauses, CutsLieInTheLongestPauseWithinReach) {
  // Pauses at 2.0-2.2, 4.2-4.7, 6.7-6.9, 8.9-9.4
  const auto samples = made(
      {{2, 0.3}, {0.2, 0}, {2, 0.3}, {0.5, 0}, {2, 0.3}, {0.2, 0}, {2, 0.3}, {0.5, 0}, {2, 0.3}});
  const auto pieces = cut_at_pauses(samples, kRate, 5.5);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_NEAR(at(pieces[1].first), 4.45, 0.02);
  EXPECT_NEAR(at(pieces[2].first), 9.15, 0.02);
  EXPECT_EQ(cut_at_pauses(samples, kRate, 12).size(), 1u);
}

TEST(Pauses, WithoutAPauseTheQuietestMomentIsCut) {
  auto samples = made({{10, 0.3}});
  for (int i = 0; i < kRate / 20; ++i) samples[static_cast<size_t>(4 * kRate + i)] *= 0.5F;
  const auto pieces = cut_at_pauses(samples, kRate, 6);
  ASSERT_EQ(pieces.size(), 2u);
  EXPECT_NEAR(at(pieces[1].first), 4.025, 0.02);
}

TEST(Pauses, PiecesAreTheWholeAndNoneIsTooLong) {
  for (const int seed : {1, 2, 3, 4, 5}) {
    std::vector<Stretch> stretches;
    uint32_t state = static_cast<uint32_t>(seed);
    for (int i = 0; i < 60; ++i) {
      state = state * 1664525u + 1013904223u;
      stretches.push_back({0.05 + static_cast<double>(state >> 24) / 200, i % 2 ? 0.3 : 0.0});
    }
    const auto samples = made(stretches);
    size_t next = 0;
    for (const Piece& piece : cut_at_pauses(samples, kRate, 3)) {
      EXPECT_EQ(piece.first, next);
      EXPECT_LE(piece.size(), 3u * kRate);
      EXPECT_GE(piece.size(), static_cast<size_t>(kRate) - kRate / 100);
      next = piece.last;
    }
    EXPECT_EQ(next, samples.size());
  }
  const std::vector<float> zeros(10 * kRate, 0.0F);
  for (const Piece& piece : cut_at_pauses(zeros, kRate, 1)) EXPECT_LE(piece.size(), 1u * kRate);
}

}  // namespace
}  // namespace fluvox::corpus
