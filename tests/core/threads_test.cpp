#include "core/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>

namespace fluvox {
namespace {

TEST(Threads, EveryIndexRunsOnce) {
  for (const int n : {1, 2, 3, 8}) {
    Threads threads(n);
    EXPECT_EQ(threads.size(), n);
    for (const int count : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> hits(static_cast<size_t>(count));
      threads.run(count, [&](int i) { ++hits[static_cast<size_t>(i)]; });
      for (const auto& hit : hits) EXPECT_EQ(hit, 1);
    }
  }
}

TEST(Threads, WorkIsReallyShared) {
  Threads threads(4);
  std::atomic<int> arrived{0};
  // Each task waits for the other three: one thread alone would never return.
  threads.run(4, [&](int) {
    ++arrived;
    while (arrived < 4) std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 4);
}

TEST(Threads, ManyShortRuns) {
  Threads threads(3);
  std::atomic<long> sum{0};
  for (int round = 0; round < 5000; ++round) threads.run(5, [&](int i) { sum += i; });
  EXPECT_EQ(sum, 5000L * 10);
}

TEST(Threads, TheExceptionOfTheLowestIndexIsThrown) {
  for (const int n : {1, 2, 4}) {
    Threads threads(n);
    for (int round = 0; round < 200; ++round) {
      std::string said;
      try {
        threads.run(64, [&](int i) {
          // Some fail before the lowest one does, some after it.
          if (i == 5 || i == 10) std::this_thread::sleep_for(std::chrono::microseconds(20 * i));
          if (i >= 5 && i % 5 == 0) throw std::runtime_error(std::to_string(i));
        });
      } catch (const std::runtime_error& error) {
        said = error.what();
      }
      ASSERT_EQ(said, "5");
    }
    // The pool is as good as new.
    std::atomic<int> ran{0};
    threads.run(10, [&](int) { ++ran; });
    EXPECT_EQ(ran, 10);
  }
}

TEST(Threads, NestedRunsAreInlineAndInOrder) {
  Threads threads(4);
  std::vector<std::vector<int>> seen(8);
  threads.run(8, [&](int i) {
    const auto outer = std::this_thread::get_id();
    threads.run(5, [&](int j) {
      EXPECT_EQ(std::this_thread::get_id(), outer);
      seen[static_cast<size_t>(i)].push_back(j);
    });
  });
  for (const auto& order : seen) EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(Threads, SeveralCallersTakeTurns) {
  Threads threads(3);
  std::atomic<int> ran{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c)
    callers.emplace_back([&] {
      for (int round = 0; round < 200; ++round) threads.run(6, [&](int) { ++ran; });
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(ran, 4 * 200 * 6);
}

TEST(Threads, DefaultIsAtLeastOne) {
  EXPECT_GE(default_threads(), 1);
  EXPECT_EQ(Threads(0).size(), default_threads());
}

}  // namespace
}  // namespace fluvox
