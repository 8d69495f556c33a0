// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include "kernels/noise_blocks.h"
#include "kernels/ops_avx2.h"

namespace fluvox::kernels {

void normals_avx2(const NoiseArguments& a) { normals<Avx2>(a); }

}  // namespace fluvox::kernels
#endif
