// Flows fitted to processes of known density reach what theory says: never better than the truth
// (that is a wrong density), and near it. These are the short forms of tools/bench/likelihood.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/likelihood/experiments.h"

namespace fluvox::likelihood {
namespace {

// gtest's own threads are the suite's: one fit on one core.
void on_one_core() { at::set_num_threads(1); }

class Fit : public testing::TestWithParam<Experiment> {};

TEST_P(Fit, ReachesWhatTheorySays) {
  on_one_core();
  const Experiment& e = GetParam();
  EXPECT_EQ(fault(e.name, run(e, e.quick).gap, e.expected, e.quick.epsilon), "");
}

std::string in_a_word(const testing::TestParamInfo<Experiment>& info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Likelihood, Fit, testing::ValuesIn(experiments()), in_a_word);

TEST(Likelihood, StudentLosesWhatItMust) {
  on_one_core();
  const Experiment e = student();
  EXPECT_EQ(fault(e.name, run_student(e, e.quick).gap, e.expected, e.quick.epsilon), "");
}

TEST(Likelihood, WaveGlowLearnsSourceFilterSpeech) {
  on_one_core();
  for (const Contender& contender : contenders()) {
    if (contender.model != "waveglow") continue;
    const Experiment e = on_speech(contender);
    EXPECT_EQ(fault(e.name, run(e, e.quick).gap, e.expected, e.quick.epsilon), "");
  }
}

}  // namespace
}  // namespace fluvox::likelihood
