#include "train/device.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "support/throws.h"

namespace fluvox::train {
namespace {

TEST(Device, TheCpuIsAlwaysThere) {
  EXPECT_TRUE(device_of("cpu").is_cpu());
  EXPECT_EQ(device_of("auto").is_cuda(), torch::cuda::is_available());
}

TEST(Device, AGpuThatIsNotThereIsRefused) {
  for (const char* name : {"cuda:999", "cuda"}) {
    if (std::string(name) == "cuda" && torch::cuda::is_available()) continue;
    const Error error = support::thrown_by([&] { device_of(name); });
    EXPECT_EQ(error.code(), "gpu-missing");
    EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
  }
}

TEST(Device, OfSeveralProcessesEachHasItsOwn) {
  ::setenv("LOCAL_RANK", "998", 1);
  const Error error = support::thrown_by([] { device_of("cuda"); });
  ::unsetenv("LOCAL_RANK");
  EXPECT_NE(std::string(error.what()).find("LOCAL_RANK=998"), std::string::npos) << error.what();
}

}  // namespace
}  // namespace fluvox::train
