#include "audio/player_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace fluvox::audio {
namespace {

using testing::Each;
using testing::ElementsAre;

std::vector<float> numbered(int count) {
  std::vector<float> samples;
  for (int i = 1; i <= count; ++i) samples.push_back(static_cast<float>(i) / 32768);
  return samples;
}

TEST(PlayerFeed, OneChannelIsPlayedInAll) {
  Feed feed(16);
  feed.channels = 2;
  feed.ring.write(numbered(3));
  std::vector<std::int16_t> out(6);
  EXPECT_FALSE(feed.fill(out.data(), 3));
  EXPECT_THAT(out, ElementsAre(1, 1, 2, 2, 3, 3));
  EXPECT_EQ(feed.played, 3u);
}

TEST(PlayerFeed, SilenceForWantOfSamplesIsCounted) {
  Feed feed(16);
  feed.ring.write(numbered(2));
  std::vector<std::int16_t> out(5, 99);
  EXPECT_FALSE(feed.fill(out.data(), 5));
  EXPECT_THAT(out, ElementsAre(1, 2, 0, 0, 0));
  EXPECT_EQ(feed.starved, 3u);
  EXPECT_FALSE(feed.fill(out.data(), 5));
  EXPECT_EQ(feed.starved, 8u);
}

TEST(PlayerFeed, EndsOnlyWhenSilenceHasPushedTheTailOut) {
  Feed feed(2048);
  feed.latency_frames = 1000;
  feed.ring.write(numbered(500));
  feed.finished = true;
  std::vector<std::int16_t> out(400);
  std::size_t silence = 0;
  int calls = 1;
  while (!feed.fill(out.data(), out.size())) {
    ++calls;
    ASSERT_LT(calls, 100);
    ASSERT_FALSE(feed.complete);
  }
  silence = static_cast<std::size_t>(calls) * out.size() - 500;
  EXPECT_GE(silence, 1000u + 400u);
  EXPECT_LT(silence, 1000u + 2 * 400u);
  EXPECT_THAT(out, Each(0));
  EXPECT_TRUE(feed.complete);
  EXPECT_EQ(feed.played, 500u);
  EXPECT_EQ(feed.starved, 0u);
}

}  // namespace
}  // namespace fluvox::audio
