// Parameter counts against the published ones.
#include <gtest/gtest.h>

#include "flow/flow_torch.h"
#include "models/registry.h"

namespace fluvox {
namespace {

int64_t parameters(const std::string& name, const Json& settings) {
  const flow::TorchFlow flow(
      models::architecture(name).build(settings, mel::convention("tacotron2")));
  int64_t count = 0;
  for (const auto& [key, tensor] : flow.tensors()) count += tensor.numel();
  return count;
}

TEST(Parameters, WaveGlowHasWhatItsPaperHas) {
  // 87.88 million as published, which includes one weight-norm gain for every output of WN's
  // convolutions but the last; ours have none.
  constexpr int64_t kGains = 12 * (256 + 8 * 512 + 8 * 512 + 7 * 512 + 256);
  EXPECT_NEAR(static_cast<double>(parameters("waveglow", Json::object()) + kGains), 87.88e6, 5e3);
}

TEST(Parameters, CompactHasHalfAMillion) {
  EXPECT_NEAR(static_cast<double>(parameters("compact", Json::object())), 0.51e6, 1e4);
}

}  // namespace
}  // namespace fluvox
