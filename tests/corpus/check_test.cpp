#include "corpus/check.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/made_speech.h"

namespace fluvox::corpus {
namespace {

constexpr int kRate = 22050;

std::string code(const std::vector<float>& samples, const Limits& limits = {}, int rate = kRate) {
  const auto found = finding(samples, rate, limits);
  return found ? found->code : "";
}

TEST(Check, SpeechPasses) { EXPECT_EQ(code(support::made_speech(kRate, 1, 1)), ""); }

TEST(Check, EachFaultHasItsCode) {
  const auto speech = support::made_speech(kRate, 1, 1);
  EXPECT_EQ(code({}), "too-short");
  EXPECT_EQ(code(support::made_speech(kRate, 0.49, 1)), "too-short");
  EXPECT_EQ(code(speech, {.least_seconds = 1.5}), "too-short");
  EXPECT_EQ(code(std::vector<float>(kRate, 0.0F)), "silent");
  EXPECT_EQ(code(std::vector<float>(kRate, 3e-5F)), "silent");
  EXPECT_EQ(code(speech, {.least_rate = 24000}), "rate-low");
  EXPECT_EQ(code(speech, {.least_rate = kRate}), "");
}

TEST(Check, AConstantIsSilent) {
  // Nothing of it is left by the high-pass of the loudness.
  auto constant = std::vector<float>(20 * kRate, 0.2F);
  for (size_t i = 0; i < static_cast<size_t>(kRate); ++i)
    constant[i] *= static_cast<float>(i) / kRate;
  EXPECT_EQ(code(constant, {.most_clipped = 1}), "silent");
}

TEST(Check, ClippingIsCountedAtAnyLevel) {
  auto loud = support::made_speech(kRate, 1, 1);  // its peak is 0.5
  EXPECT_LT(clipped_share(loud), 1e-4);
  size_t beyond = 0;
  for (float& x : loud) {
    beyond += x > 0.1F || x < -0.1F;
    x = 0.7F * std::clamp(x, -0.1F, 0.1F) * 10;
  }
  const double share = clipped_share(loud);
  EXPECT_GT(share, 0.001);
  EXPECT_LE(share, static_cast<double>(beyond) / static_cast<double>(loud.size()) + 1e-9);
  EXPECT_EQ(code(loud), "clipped");
  EXPECT_EQ(code(loud, {.most_clipped = 1}), "");
}

TEST(Check, OnlyRunsOfThreeCount) {
  std::vector<float> samples(1000, 0.0F);
  for (size_t i = 0; i < 900; i += 9) samples[i] = samples[i + 1] = 0.9F;
  EXPECT_EQ(clipped_share(samples), 0);
  samples[500] = samples[501] = samples[502] = samples[503] = -0.9F;
  EXPECT_EQ(clipped_share(samples), 0.004);
}

}  // namespace
}  // namespace fluvox::corpus
