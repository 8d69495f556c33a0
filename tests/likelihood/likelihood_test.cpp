// Flows fitted to processes of known density reach what theory says: never better than the truth
// (that is a wrong density), and near it. The short forms of tools/bench/likelihood.
#include <gtest/gtest.h>

#include "support/likelihood/experiments.h"

namespace fluvox::likelihood {
namespace {

class Fit : public testing::TestWithParam<Experiment> {
 protected:
  Fit() { at::set_num_threads(1); }  // the suite runs one test a core
};

TEST_P(Fit, ReachesWhatTheorySays) {
  const Experiment& experiment = GetParam();
  const Outcome outcome = run(experiment, experiment.quick);
  RecordProperty("gap", text(outcome.gap.mean()));
  EXPECT_EQ(fault(experiment, experiment.quick, outcome), "");
}

INSTANTIATE_TEST_SUITE_P(Likelihood, Fit, testing::ValuesIn(experiments()), [](const auto& one) {
  std::string name = one.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace fluvox::likelihood
