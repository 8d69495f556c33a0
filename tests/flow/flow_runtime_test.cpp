#include "flow/flow_runtime.h"

#include <gtest/gtest.h>

#include <numbers>

#include "core/threads.h"
#include "net/weights.h"
#include "support/jacobian.h"
#include "support/made_models.h"
#include "support/throws.h"

namespace fluvox::flow {
namespace {

RuntimeFlow build(const Model& model) {
  Weights weights(model.tensors);
  RuntimeFlow flow(model.spec, weights);
  weights.refuse_leftovers();
  return flow;
}

Grid audio_of(int samples, unsigned seed) { return support::random_grid(samples, 1, seed); }

Grid mel_of(int frames, unsigned seed) {
  Grid mel = support::random_grid(frames, 8, seed);
  for (float& v : mel.values) v -= 3;
  return mel;
}

TEST(RuntimeFlow, TurnsBackWhateverTheThreads) {
  for (const Model& model : {support::small_waveglow(), support::small_compact()})
    for (int frames : {1, 2, 3, 5, 90}) {
      const RuntimeFlow flow = build(model);
      Threads one(1);
      const RuntimeCondition condition = flow.condition(mel_of(frames, 1), one);
      const Grid audio = audio_of(16 * frames, 2);
      const RuntimeFlow::Result result = flow.forward(audio, condition, one);
      ASSERT_EQ(result.z.size(), audio.values.size());
      EXPECT_LT(support::difference(flow.inverse(result.z, condition, one),
                                    support::doubles(audio.values)),
                2e-5)
          << model.spec.model << ", " << frames << " frames";
      for (int n : {2, 3}) {
        Threads threads(n);
        const RuntimeCondition again = flow.condition(mel_of(frames, 1), threads);
        const RuntimeFlow::Result shared = flow.forward(audio, again, threads);
        EXPECT_EQ(shared.z, result.z);
        EXPECT_EQ(shared.log_det, result.log_det);
        EXPECT_EQ(flow.inverse(result.z, again, threads), flow.inverse(result.z, condition, one));
      }
    }
}

TEST(RuntimeFlow, LogDetIsThatOfTheJacobian) {
  for (const Model& model : {support::small_waveglow(), support::small_compact()}) {
    const RuntimeFlow flow = build(model);
    Threads threads(1);
    const RuntimeCondition condition = flow.condition(mel_of(3, 1), threads);
    const Grid audio = audio_of(48, 2);
    // The flow computes in float: a large step and a tolerance to match.
    const double numeric = support::jacobian_log_det(
        [&](const std::vector<double>& x) {
          Grid grid(48, 1);
          grid.values.assign(x.begin(), x.end());
          return support::doubles(flow.forward(grid, condition, threads).z);
        },
        support::doubles(audio.values), 0x1p-10);
    const double found = flow.forward(audio, condition, threads).log_det;
    EXPECT_NEAR(found, numeric, 0.02) << model.spec.model;
    EXPECT_GT(std::abs(found), 1) << model.spec.model;
  }
}

TEST(RuntimeFlow, WhatLeavesFirstComesFirst) {
  Model model = support::small_waveglow();
  model.spec.steps = {{{"kind", "squeeze"}, {"group", 8}},
                      {{"kind", "split"}, {"channels", 3}},
                      {{"kind", "split"}, {"channels", 1}},
                      {{"kind", "invertible1x1"}, {"channels", 4}}};
  std::erase_if(model.tensors, [](const auto& item) { return item.first.rfind("steps", 0) == 0; });
  model.tensors["steps.3.weight"] =
      HostTensor::of({0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0}, {4, 4});
  const RuntimeFlow flow = build(model);
  EXPECT_EQ(flow.channels(), 8);
  Threads threads(1);
  const RuntimeCondition condition = flow.condition(mel_of(2, 1), threads);
  Grid audio(32, 1);
  for (int i = 0; i < 32; ++i) audio.values[static_cast<size_t>(i)] = static_cast<float>(i);
  const std::vector<float> z = flow.forward(audio, condition, threads).z;
  std::vector<float> expected;
  for (int channel : {0, 1, 2, 3, 7, 6, 5, 4})
    for (int t = 0; t < 4; ++t) expected.push_back(static_cast<float>(8 * t + channel));
  EXPECT_EQ(z, expected);
  EXPECT_EQ(flow.inverse(z, condition, threads), audio.values);
}

TEST(RuntimeFlow, RefusesSizesByName) {
  const RuntimeFlow flow = build(support::small_compact());
  Threads threads(1);
  const RuntimeCondition condition = flow.condition(mel_of(3, 1), threads);
  const auto refused = [](auto call) {
    const Error error = support::thrown_by(call);
    EXPECT_EQ(error.code(), "shape-mismatch");
    EXPECT_EQ(error.fault(), Fault::input);
    return std::string(error.what());
  };
  EXPECT_EQ(refused([&] { flow.condition(Grid(3, 7), threads); }),
            "mel: bands: expected 8, found 7");
  EXPECT_EQ(refused([&] { flow.forward(audio_of(47, 1), condition, threads); }),
            "audio: samples: expected 48, found 47");
  EXPECT_EQ(refused([&] { flow.inverse(std::vector<float>(49), condition, threads); }),
            "z: values: expected 48, found 49");
}

TEST(RuntimeFlow, RefusesSpecsWhosePartsDoNotFit) {
  struct Change {
    const char* what;
    bool compact;
    std::function<void(Spec&)> apply;
  };
  const std::vector<Change> changes = {
      {"unknown base", false,
       [](Spec& s) {
         s.base = {{"kind", "laplace"}};
       }},
      {"no steps", false, [](Spec& s) { s.steps.clear(); }},
      {"squeezed twice", false, [](Spec& s) { s.steps.insert(s.steps.begin(), s.steps[0]); }},
      {"groups unlike the conditioner's", false, [](Spec& s) { s.steps[0]["group"] = 4; }},
      {"coupling unlike its channels", false, [](Spec& s) { s.steps[2]["channels"] = 6; }},
      {"split of everything", false, [](Spec& s) { s.steps[3]["channels"] = 8; }},
      {"split before the squeeze", false, [](Spec& s) { std::swap(s.steps[0], s.steps[3]); }},
      {"a step after the split of other width", false, [](Spec& s) { s.steps[3]["channels"] = 4; }},
      {"unknown step", false, [](Spec& s) { s.steps[1]["kind"] = "invertible2x2"; }},
      {"unknown key", false, [](Spec& s) { s.steps[1]["chanels"] = 8; }},
      {"a step that is no object", false, [](Spec& s) { s.steps[1] = "squeeze"; }},
      {"lapped of other hop", true, [](Spec& s) { s.steps[1]["hop"] = 32; }},
      {"whiten before lapped", true, [](Spec& s) { s.steps.erase(s.steps.begin() + 1); }},
      {"conditioner without a log-scale", true,
       [](Spec& s) { s.conditioner = support::small_waveglow().spec.conditioner; }},
      {"more learned maps", true, [](Spec& s) { s.conditioner["learned"] = 3; }},
      {"an output too many", true, [](Spec& s) { s.steps[3]["net"]["outputs"] = 3; }},
  };
  for (const Change& change : changes) {
    Model model = change.compact ? support::small_compact() : support::small_waveglow();
    change.apply(model.spec);
    const Error error = support::thrown_by([&] { build(model); });
    EXPECT_EQ(error.fault(), Fault::input) << change.what << ": " << error.what();
  }
}

}  // namespace
}  // namespace fluvox::flow
