// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include "kernels/coupling_rows.h"
#include "kernels/ops_avx2.h"

namespace fluvox::kernels {

void coupling_forward_avx2(const CouplingArguments& a) { coupling_rows<Avx2, true>(a); }
void coupling_inverse_avx2(const CouplingArguments& a) { coupling_rows<Avx2, false>(a); }

void coupling_backward_avx2(const CouplingBackwardArguments& a, bool forward) {
  coupling_backward<Avx2>(a, forward);
}

}  // namespace fluvox::kernels
#endif
