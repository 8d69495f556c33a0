#include "kernels/peak.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "support/every_isa.h"

namespace fluvox::kernels {
namespace {

using Peak = EveryIsa;
FLUVOX_EVERY_ISA(Peak);

// Not how much, which is the machine's affair: something, in about the time asked for.
TEST_P(Peak, WorksForAboutTheTimeAskedFor) {
  const std::vector<float> memory(1 << 16, 1);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_GT(peak_fp32(GetParam(), 0.01), 1e4);
  EXPECT_GT(peak_bf16(GetParam(), 0.01), 1e4);
  EXPECT_GE(peak_read(GetParam(), memory.data(), memory.size(), 0.01), 1 << 18);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(30));
}

}  // namespace
}  // namespace fluvox::kernels
