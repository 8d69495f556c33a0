// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include "kernels/ops_avx512.h"
#include "kernels/peak_bursts.h"

namespace fluvox::kernels {

float fma_burst_avx512(int rounds) { return fma_burst<Avx512>(rounds); }

float read_burst_avx512(const float* memory, std::size_t count) {
  return read_burst<Avx512>(memory, count);
}

}  // namespace fluvox::kernels
#endif
