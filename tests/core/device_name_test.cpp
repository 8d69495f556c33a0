#include "core/device_name.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "support/throws.h"

namespace fluvox {
namespace {

TEST(DeviceName, NamesAGpuOrTheCpu) {
  EXPECT_EQ(gpu_of("cpu"), std::nullopt);
  EXPECT_EQ(gpu_of("cuda"), 0);
  EXPECT_EQ(gpu_of("auto"), 0);
  EXPECT_EQ(gpu_of("cuda:3"), 3);
}

TEST(DeviceName, AnythingElseIsRefused) {
  for (const char* name :
       {"", "gpu", "cuda:", "cuda:x", "cuda:1x", "cuda:-1", "cuda:99999999999"}) {
    const Error error = support::thrown_by([&] { gpu_of(name); });
    EXPECT_EQ(error.code(), "usage") << name;
    EXPECT_NE(std::string(error.what()).find("expected cpu, cuda, cuda:N or auto"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace fluvox
