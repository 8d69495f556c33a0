#include "kernels/isa.h"
#include "kernels/ops_scalar.h"
#include "kernels/pairs_rows.h"

namespace fluvox::kernels {

void pair_inputs_scalar(std::ptrdiff_t count, const PairInputs& p, bool rectify) {
  pair_inputs_rows<Scalar>(count, p, rectify);
}
void pair_outputs_scalar(std::ptrdiff_t count, const PairOutputs& p, bool add) {
  pair_outputs_rows<Scalar>(count, p, add);
}

void pair_inputs_cpu(std::ptrdiff_t count, const PairInputs& p, bool rectify) {
#if defined(__x86_64__)
  if (isa() >= Isa::avx512) return pair_inputs_avx512(count, p, rectify);
  if (isa() >= Isa::avx2) return pair_inputs_avx2(count, p, rectify);
#endif
  pair_inputs_scalar(count, p, rectify);
}

void pair_outputs_cpu(std::ptrdiff_t count, const PairOutputs& p, bool add) {
#if defined(__x86_64__)
  if (isa() >= Isa::avx512) return pair_outputs_avx512(count, p, add);
  if (isa() >= Isa::avx2) return pair_outputs_avx2(count, p, add);
#endif
  pair_outputs_scalar(count, p, add);
}

}  // namespace fluvox::kernels
