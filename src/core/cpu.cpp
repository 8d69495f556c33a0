#include "core/cpu.h"

#include <fstream>
#include <utility>

namespace fluvox {
namespace {

CpuFeatures detect() {
  CpuFeatures found;
#if defined(__x86_64__)
  __builtin_cpu_init();
  found.avx2 = __builtin_cpu_supports("avx2");
  found.fma = __builtin_cpu_supports("fma");
  found.avx512f = __builtin_cpu_supports("avx512f");
  found.avx512bw = __builtin_cpu_supports("avx512bw");
  found.avx512dq = __builtin_cpu_supports("avx512dq");
  found.avx512vl = __builtin_cpu_supports("avx512vl");
  found.avx512vnni = __builtin_cpu_supports("avx512vnni");
  found.avx512bf16 = __builtin_cpu_supports("avx512bf16");
#endif
  return found;
}

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures found = detect();
  return found;
}

std::string describe(const CpuFeatures& f) {
  std::string names;
  for (const auto& [has, name] : {std::pair{f.avx2, "avx2"},
                                  {f.fma, "fma"},
                                  {f.avx512f, "avx512f"},
                                  {f.avx512bw, "avx512bw"},
                                  {f.avx512dq, "avx512dq"},
                                  {f.avx512vl, "avx512vl"},
                                  {f.avx512vnni, "avx512vnni"},
                                  {f.avx512bf16, "avx512bf16"}})
    if (has) names += (names.empty() ? "" : " ") + std::string(name);
  return names.empty() ? "none" : names;
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) != 0) continue;
    const size_t start = line.find_first_not_of(": \t", line.find(':'));
    if (start != std::string::npos) return line.substr(start);
  }
  return "unknown";
}

}  // namespace fluvox
