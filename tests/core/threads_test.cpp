#include "core/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <random>
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

// Whoever waits looks first and sleeps later: pauses on both sides of that moment, with and without
// another thread in between. What tasks write is no atomic, so that ThreadSanitizer sees whether
// run() orders it.
TEST(Threads, WorkComesWhileTheyLookWhileTheyFallAsleepAndWhileTheySleep) {
  Threads threads(4);
  std::mt19937 random(11);
  std::vector<long> written(16);
  long expected = 0;
  for (int round = 0; round < 3000; ++round) {
    const auto pause = std::chrono::microseconds(random() % 4 == 0 ? random() % 120 : 0);
    const auto start = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - start < pause) {
    }
    if (random() % 64 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
    const int count = static_cast<int>(2 + random() % 15);
    const bool slow = random() % 128 == 0, meet = random() % 16 == 0;
    std::atomic<int> arrived{0};
    threads.run(count, [&](int i) {
      if (slow && i == 1) std::this_thread::sleep_for(std::chrono::microseconds(200));
      written[static_cast<size_t>(i)] += i + round;
      // Two threads at least: the caller alone would wait for ever.
      if (meet && ++arrived <= 2)
        while (arrived < 2) std::this_thread::yield();
    });
    for (int i = 0; i < count; ++i) expected += i + round;
    long sum = 0;
    for (const long value : written) sum += value;
    ASSERT_EQ(sum, expected) << "round " << round;
  }
}

// The job of a run, and what its tasks refer to, are gone when it returns.
TEST(Threads, NobodyTouchesAJobThatIsOver) {
  Threads threads(4);
  for (int round = 0; round < 2000; ++round) {
    const auto freed_at_once = std::make_unique<std::vector<int>>(3, round);
    const bool fails = round % 7 == 0;
    try {
      threads.run(3, [&](int i) {
        if (fails && i == 2) throw std::runtime_error("on purpose");
        ++(*freed_at_once)[static_cast<size_t>(i)];
      });
      ASSERT_FALSE(fails);
    } catch (const std::runtime_error&) {
      ASSERT_TRUE(fails);
    }
    ASSERT_EQ((*freed_at_once)[0], round + 1);
  }
}

TEST(Threads, PoolsEndAtAnyMoment) {
  for (int round = 0; round < 60; ++round) {
    Threads threads(3);
    std::vector<int> hits(4);
    // Ended before its threads have begun, while they look for work, and in their sleep.
    for (int run = 0; run < round % 3; ++run)
      threads.run(4, [&](int i) { ++hits[static_cast<size_t>(i)]; });
    if (round % 5 == 0) std::this_thread::sleep_for(std::chrono::microseconds(40 * (round % 4)));
    ASSERT_EQ(hits, std::vector<int>(4, round % 3));
  }
}

TEST(Threads, DefaultIsAtLeastOne) {
  EXPECT_GE(default_threads(), 1);
  EXPECT_EQ(Threads(0).size(), default_threads());
}

TEST(Threads, AConvoyKeepsTheOrderOfItsPiecesAtEveryStage) {
  constexpr int kPieces = 40, kStages = 7;
  const std::vector<double> costs = {0, 1, 1, 5, 1, 1, 0};
  for (const int n : {1, 2, 3, 8}) {
    Threads threads(n);
    for (const int pieces : {0, 1, 2, kPieces}) {
      // Not atomic: what a stage keeps is safe because its pieces come one by one.
      std::vector<int> stage_of(static_cast<size_t>(pieces), 0);
      std::vector<std::vector<int>> passed(kStages);
      threads.convoy(pieces, costs, [&](int piece, int stage) {
        EXPECT_EQ(stage_of[static_cast<size_t>(piece)]++, stage);
        if ((piece + stage) % 5 == 0) std::this_thread::sleep_for(std::chrono::microseconds(100));
        passed[static_cast<size_t>(stage)].push_back(piece);
      });
      for (const std::vector<int>& order : passed) {
        ASSERT_EQ(order.size(), static_cast<size_t>(pieces));
        for (int i = 0; i < pieces; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
      }
    }
  }
}

TEST(Threads, AConvoyIsReallyOnTheWayAtOnce) {
  Threads threads(2);
  std::atomic<bool> follows{false};
  // The first piece waits at its second stage for the one behind it.
  threads.convoy(2, {1, 1}, [&](int piece, int stage) {
    if (piece == 1) follows = true;
    while (piece == 0 && stage == 1 && !follows) std::this_thread::yield();
  });
  EXPECT_TRUE(follows);
}

TEST(Threads, AConvoyThatFailsAnywhereEndsWithTheError) {
  for (const int n : {1, 2, 4}) {
    Threads threads(n);
    for (int place = 0; place < 30; ++place) {
      std::atomic<int> beyond{0};
      EXPECT_THROW(threads.convoy(10, {0, 2, 1},
                                  [&](int piece, int stage) {
                                    if (piece * 3 + stage == place) {
                                      // By then whoever waits for it sleeps.
                                      std::this_thread::sleep_for(std::chrono::milliseconds(1));
                                      throw std::runtime_error("x");
                                    }
                                    if (stage == place % 3 && piece > place / 3) ++beyond;
                                  }),
                   std::runtime_error);
      EXPECT_EQ(beyond, 0) << "a piece overtook the one that failed";
    }
    threads.run(3, [](int) {});  // still of use
  }
}

}  // namespace
}  // namespace fluvox
