// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include "kernels/ops_avx512.h"
#include "kernels/peak_bursts.h"

namespace fluvox::kernels {

float bf16_burst_avx512bf16(int rounds) {
  __m512 sums[kBurstSums];
  FLUVOX_UNROLL
  for (int i = 0; i < kBurstSums; ++i) sums[i] = _mm512_set1_ps(0.1f * static_cast<float>(i));
  const auto ones = reinterpret_cast<__m512bh>(_mm512_set1_epi32(0x3f803f80));
  for (int round = 0; round < rounds; ++round) {
    FLUVOX_UNROLL
    for (int i = 0; i < kBurstSums; ++i) sums[i] = _mm512_dpbf16_ps(sums[i], ones, ones);
  }
  return total<Avx512, kBurstSums>(sums);
}

}  // namespace fluvox::kernels
#endif
