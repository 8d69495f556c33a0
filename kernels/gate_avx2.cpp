// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include "kernels/gate_rows.h"
#include "kernels/ops_avx2.h"

namespace fluvox::kernels {

void gate_avx2(const GateArguments& g) { gate_rows<Avx2>(g); }

}  // namespace fluvox::kernels
#endif
