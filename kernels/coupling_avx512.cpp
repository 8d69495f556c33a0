// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include "kernels/coupling_rows.h"
#include "kernels/ops_avx512.h"

namespace fluvox::kernels {

void coupling_forward_avx512(const CouplingArguments& a) { coupling_rows<Avx512, true>(a); }
void coupling_inverse_avx512(const CouplingArguments& a) { coupling_rows<Avx512, false>(a); }

}  // namespace fluvox::kernels
#endif
