// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include "kernels/mixing_rows.h"
#include "kernels/ops_avx512.h"

namespace fluvox::kernels {

void mixing_avx512(const MixingArguments& a) { mixing_rows<Avx512>(a); }
void mixing_gradient_avx512(const MixingGradientArguments& a) { mixing_gradient_rows<Avx512>(a); }

}  // namespace fluvox::kernels
#endif
