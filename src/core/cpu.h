// What this processor can do, asked of the processor itself.
#pragma once

#include <string>

namespace fluvox {

struct CpuFeatures {
  bool avx2 = false;
  bool fma = false;
  bool avx512f = false;
  bool avx512bw = false;
  bool avx512dq = false;
  bool avx512vl = false;
  bool avx512vnni = false;
  bool avx512bf16 = false;
};

const CpuFeatures& cpu_features();

// "avx2 fma avx512f", or "none" beyond the baseline.
std::string describe(const CpuFeatures& features);

// The model as the system names it, or "unknown".
std::string cpu_name();

}  // namespace fluvox
