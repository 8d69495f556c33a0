#include "net/frames.h"

#include <gtest/gtest.h>

#include "core/threads.h"
#include "net/net_runtime.h"
#include "net/weights.h"
#include "support/throws.h"

namespace fluvox::net {
namespace {

TEST(Frames, RepeatsEveryFrame) {
  const Tensors none;
  Weights weights(none);
  const auto runtime =
      make_runtime_conditioner(part_to_json("frames", Frames{2, 6, 2}), "conditioner", weights);
  Grid mel(2, 2);
  mel.values = {1, 2, 3, 4};
  Threads threads(2);
  const RuntimeCondition found = runtime->forward(with_margins(mel, runtime->margins()), threads);
  EXPECT_EQ(found.features.values, (std::vector<float>{1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4}));
  EXPECT_EQ(found.features.columns, runtime->shape().channels);
  EXPECT_EQ(runtime->shape().row_samples, 2);
  EXPECT_EQ(runtime->shape().frame_samples, 6);
}

TEST(Frames, RefusesAGroupThatDoesNotDivideTheHop) {
  const Tensors none;
  Weights weights(none);
  EXPECT_EQ(support::thrown_by([&] {
              make_runtime(Frames{2, 6, 4}, weights);
            }).code(),
            "config-invalid");
}

}  // namespace
}  // namespace fluvox::net
