// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include "kernels/ops_avx512.h"
#include "kernels/pairs_rows.h"

namespace fluvox::kernels {

void pair_inputs_avx512(std::ptrdiff_t count, const PairInputs& p, bool rectify) {
  pair_inputs_rows<Avx512>(count, p, rectify);
}
void pair_outputs_avx512(std::ptrdiff_t count, const PairOutputs& p, bool add) {
  pair_outputs_rows<Avx512>(count, p, add);
}

}  // namespace fluvox::kernels
#endif
