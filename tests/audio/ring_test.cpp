#include "audio/ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace fluvox::audio {
namespace {

using testing::ElementsAre;

TEST(Ring, GivesWhatItTookInOrder) {
  Ring ring(4);
  const std::vector<float> first{1, 2, 3}, second{4, 5, 6};
  std::vector<float> out(2);
  EXPECT_EQ(ring.write(first), 3u);
  EXPECT_EQ(ring.read(out), 2u);
  EXPECT_THAT(out, ElementsAre(1, 2));
  EXPECT_EQ(ring.write(second), 3u);  // around the end
  out.resize(10);
  EXPECT_EQ(ring.read(out), 4u);
  out.resize(4);
  EXPECT_THAT(out, ElementsAre(3, 4, 5, 6));
  EXPECT_EQ(ring.read(out), 0u);
}

TEST(Ring, TakesNoMoreThanItHolds) {
  Ring ring(5);
  EXPECT_EQ(ring.capacity(), 8u);
  EXPECT_EQ(ring.write(std::vector<float>(20)), 8u);
  EXPECT_EQ(ring.writable(), 0u);
  EXPECT_EQ(ring.readable(), 8u);
  EXPECT_EQ(ring.write(std::vector<float>(1)), 0u);
}

// 24 bits of counting are exact in a float.
TEST(Ring, TwoThreadsLoseAndRepeatNothing) {
  constexpr int kCount = 400'000;
  Ring ring(1000);
  std::thread writer([&] {
    std::vector<float> block;
    for (int next = 0, size = 1; next < kCount; size = size * 7 % 997 + 1) {
      block.clear();
      for (int i = 0; i < size && next + i < kCount; ++i)
        block.push_back(static_cast<float>(next + i));
      std::span<const float> left(block);
      while (!left.empty()) {
        const std::size_t taken = ring.write(left);
        left = left.subspan(taken);
        if (taken == 0) std::this_thread::yield();
      }
      next += static_cast<int>(block.size());
    }
  });
  int seen = 0, wrong = 0;
  std::vector<float> block(333);
  while (seen < kCount) {
    const std::size_t got = ring.read(block);
    if (got == 0) std::this_thread::yield();
    for (std::size_t i = 0; i < got; ++i) wrong += block[i] != static_cast<float>(seen++) ? 1 : 0;
  }
  writer.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(ring.readable(), 0u);
}

}  // namespace
}  // namespace fluvox::audio
