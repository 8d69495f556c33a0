#include "core/cpu.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

namespace fluvox {
namespace {

// The kernel's own list, read independently.
std::set<std::string> system_flags() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("flags", 0) != 0) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    std::set<std::string> flags;
    for (std::string word; words >> word;) flags.insert(word);
    return flags;
  }
  return {};
}

TEST(Cpu, AgreesWithTheSystem) {
  const std::set<std::string> flags = system_flags();
  if (flags.empty()) GTEST_SKIP() << "the system lists no processor flags";
  const CpuFeatures& found = cpu_features();
  EXPECT_EQ(found.avx2, flags.contains("avx2"));
  EXPECT_EQ(found.fma, flags.contains("fma"));
  EXPECT_EQ(found.avx512f, flags.contains("avx512f"));
  EXPECT_EQ(found.avx512bw, flags.contains("avx512bw"));
  EXPECT_EQ(found.avx512vnni, flags.contains("avx512_vnni"));
  EXPECT_EQ(found.avx512bf16, flags.contains("avx512_bf16"));
  EXPECT_FALSE(cpu_name().empty());
}

TEST(Cpu, Describes) {
  EXPECT_EQ(describe(CpuFeatures{}), "none");
  CpuFeatures features;
  features.avx2 = features.avx512bf16 = true;
  EXPECT_EQ(describe(features), "avx2 avx512bf16");
}

}  // namespace
}  // namespace fluvox
