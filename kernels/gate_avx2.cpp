// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include "kernels/gate_rows.h"
#include "kernels/ops_avx2.h"

namespace fluvox::kernels {

void gate_avx2(const GateArguments& g) { gate_rows<Avx2>(g); }
void gate_factors_avx2(const GateFactorsArguments& g) { gate_factors_rows<Avx2>(g); }
void gate_backward_avx2(const GateBackwardArguments& g) { gate_backward_rows<Avx2>(g); }

}  // namespace fluvox::kernels
#endif
