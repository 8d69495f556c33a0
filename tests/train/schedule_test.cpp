#include "train/schedule.h"

#include <gtest/gtest.h>

namespace fluvox::train {
namespace {

TrainSettings made(const std::string& schedule) {
  TrainSettings s;
  s.schedule = schedule;
  s.learning_rate = 0.5;
  s.warmup = 10;
  s.steps = 110;
  s.final_rate = 0.04;
  return s;
}

TEST(Schedule, WarmsUpInALine) {
  for (const char* name : {"cosine", "exponential", "constant"}) {
    EXPECT_DOUBLE_EQ(rate_at(made(name), 0), 0.05);
    EXPECT_DOUBLE_EQ(rate_at(made(name), 9), 0.5);
    EXPECT_DOUBLE_EQ(rate_at(made(name), 10), 0.5);
  }
}

TEST(Schedule, FallsAsItsNameSays) {
  // Half way: the mean of 1 and the last share, their geometric mean, or 1.
  EXPECT_NEAR(rate_at(made("cosine"), 60), 0.5 * 0.52, 1e-12);
  EXPECT_NEAR(rate_at(made("exponential"), 60), 0.5 * 0.2, 1e-12);
  EXPECT_NEAR(rate_at(made("constant"), 60), 0.5, 1e-12);
  for (int64_t end : {110, 1000}) {
    EXPECT_NEAR(rate_at(made("cosine"), end), 0.5 * 0.04, 1e-12);
    EXPECT_NEAR(rate_at(made("exponential"), end), 0.5 * 0.04, 1e-12);
  }
}

}  // namespace
}  // namespace fluvox::train
