#include "flow/registry.h"

#include <gtest/gtest.h>

#include "support/made_models.h"
#include "support/throws.h"

namespace fluvox::flow {
namespace {

// A kind that is serial when it samples, and has no runtime body: as its header would say it.
struct SerialKind {};
inline Ways ways(const SerialKind&) { return {true, false}; }

TEST(Registry, AStepIsParallelUnlessItsHeaderSaysOtherwise) {
  const auto of = [](const auto& step) { return ways(step); };
  EXPECT_TRUE(of(Squeeze{}).parallel_inverse);
  EXPECT_FALSE(of(SerialKind{}).parallel_inverse);
  EXPECT_TRUE(of(SerialKind{}).parallel_forward);
}

TEST(Registry, TheModelsOfTheBoxAreParallelBothWaysAndRun) {
  for (const Model& model : {support::small_waveglow(), support::small_compact()}) {
    EXPECT_TRUE(ways_of(model.spec).parallel_forward);
    EXPECT_TRUE(ways_of(model.spec).parallel_inverse);
    for (const Json& step : model.spec.steps) EXPECT_TRUE(has_runtime(step, "step"));
  }
}

TEST(Registry, UnknownKindsAreRefused) {
  const Json unknown = {{"kind", "squeaze"}};
  EXPECT_EQ(support::thrown_by([&] { ways_of(unknown, "steps.1"); }).code(), "spec-unknown-kind");
  EXPECT_EQ(support::thrown_by([&] { has_runtime(unknown, "steps.1"); }).code(),
            "spec-unknown-kind");
  const Json step = {{"kind", "coupling"}, {"net", {{"kind", "wm"}}}};
  const Error error = support::thrown_by([&] { has_runtime(step, "steps.1"); });
  EXPECT_NE(std::string(error.what()).find("steps.1.net"), std::string::npos) << error.what();
}

}  // namespace
}  // namespace fluvox::flow
