// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include "kernels/noise_blocks.h"
#include "kernels/ops_avx512.h"

namespace fluvox::kernels {

void normals_avx512(const NoiseArguments& a) { normals<Avx512>(a); }

}  // namespace fluvox::kernels
#endif
