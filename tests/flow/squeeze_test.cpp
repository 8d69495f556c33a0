#include "flow/squeeze.h"

#include <gtest/gtest.h>

#include "core/threads.h"
#include "flow/step_runtime.h"
#include "net/weights.h"
#include "support/made_weights.h"
#include "support/throws.h"

namespace fluvox::flow {
namespace {

RuntimeStepPtr build(int group) {
  static const Tensors none;
  Weights weights(none);
  return make_runtime(Squeeze{group}, weights);
}

TEST(Squeeze, NeighboursBecomeChannels) {
  const Grid audio = support::random_grid(24, 1, 1);
  Threads threads(1);
  const RuntimeStepPtr step = build(4);
  Grid x = audio;
  EXPECT_EQ(step->forward(x, {}, threads), 0);
  ASSERT_EQ(x.rows, 6);
  ASSERT_EQ(x.columns, 4);
  for (int t = 0; t < 6; ++t)
    for (int j = 0; j < 4; ++j) EXPECT_EQ(x.row(t)[j], audio.row(4 * t + j)[0]);
  step->inverse(x, {}, threads);
  EXPECT_EQ(x.rows, 24);
  EXPECT_EQ(x.columns, 1);
  EXPECT_EQ(x.values, audio.values);
}

TEST(Squeeze, RefusesALengthThatIsNoMultiple) {
  Threads threads(1);
  Grid x(10, 1);
  const Error error = support::thrown_by([&] { build(4)->forward(x, {}, threads); });
  EXPECT_EQ(error.code(), "shape-mismatch");
  EXPECT_NE(std::string(error.what()).find("found 10"), std::string::npos) << error.what();
}

}  // namespace
}  // namespace fluvox::flow
