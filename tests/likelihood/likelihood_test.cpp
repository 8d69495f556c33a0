// Flows fitted to processes of known density reach what theory says: never better than the truth
// (that is a wrong density), and near it. These are the short forms of tools/bench/likelihood.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "support/likelihood/experiments.h"
#include "support/likelihood/speech_torch.h"

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

class EveryModel : public testing::TestWithParam<Experiment> {};

TEST_P(EveryModel, LearnsMoreOfSpeechThanItsFeaturesSay) {
  on_one_core();
  const Experiment& e = GetParam();
  const Outcome found = run_on_speech(e, e.quick);
  EXPECT_EQ(fault(e.name, found.gap, e.expected, e.quick.epsilon), "");
  EXPECT_LT(found.gap_of_features->mean(), -3 * found.gap_of_features->error())
      << "the closed-form Gaussian of each sample given the features is as good";
}

INSTANTIATE_TEST_SUITE_P(Likelihood, EveryModel, testing::ValuesIn(on_speech()), in_a_word);

// What teaches a student is the density that judges it.
TEST(Likelihood, SpeechDensityOnTensorsIsTheOracles) {
  constexpr int kHop = 16, kSamples = 256;
  const oracles::SourceFilterSpeech speech(kHop);
  std::vector<oracles::Clip> clips;
  std::vector<double> audio;
  for (uint64_t i = 0; i < 5; ++i) {
    clips.push_back(speech.draw(11, i, kSamples));
    audio.insert(audio.end(), clips.back().x.begin(), clips.back().x.end());
  }
  const SpeechDensity density(speech, kHop, clips, torch::kFloat64);
  const torch::Tensor found =
      density.log_prob(torch::from_blob(audio.data(), {5, kSamples}, torch::kFloat64));
  for (size_t i = 0; i < clips.size(); ++i) {
    const auto log_p = speech.log_density(clips[i]);
    EXPECT_NEAR(found[static_cast<int64_t>(i)].item<double>(),
                std::accumulate(log_p.begin(), log_p.end(), 0.0), 1e-9);
  }
}

}  // namespace
}  // namespace fluvox::likelihood
