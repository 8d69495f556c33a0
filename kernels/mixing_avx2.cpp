// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include "kernels/mixing_rows.h"
#include "kernels/ops_avx2.h"

namespace fluvox::kernels {

void mixing_avx2(const MixingArguments& a) { mixing_rows<Avx2>(a); }
void mixing_gradient_avx2(const MixingGradientArguments& a) { mixing_gradient_rows<Avx2>(a); }

}  // namespace fluvox::kernels
#endif
