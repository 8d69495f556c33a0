// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include "kernels/gate_rows.h"
#include "kernels/ops_avx512.h"

namespace fluvox::kernels {

void gate_avx512(const GateArguments& g) { gate_rows<Avx512>(g); }
void gate_factors_avx512(const GateFactorsArguments& g) { gate_factors_rows<Avx512>(g); }
void gate_backward_avx512(const GateBackwardArguments& g) { gate_backward_rows<Avx512>(g); }

}  // namespace fluvox::kernels
#endif
