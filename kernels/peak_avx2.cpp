// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include "kernels/ops_avx2.h"
#include "kernels/peak_bursts.h"

namespace fluvox::kernels {

float fma_burst_avx2(int rounds) { return fma_burst<Avx2>(rounds); }

float read_burst_avx2(const float* memory, std::size_t count) {
  return read_burst<Avx2>(memory, count);
}

}  // namespace fluvox::kernels
#endif
