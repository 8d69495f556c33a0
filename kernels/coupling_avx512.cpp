// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include "kernels/coupling_rows.h"
#include "kernels/ops_avx512.h"

namespace fluvox::kernels {

void coupling_forward_avx512(const CouplingArguments& a) { coupling_rows<Avx512, true>(a); }
void coupling_inverse_avx512(const CouplingArguments& a) { coupling_rows<Avx512, false>(a); }

void coupling_backward_avx512(const CouplingBackwardArguments& a, bool forward) {
  coupling_backward<Avx512>(a, forward);
}

}  // namespace fluvox::kernels
#endif
