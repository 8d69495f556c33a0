#include "kernels/gate.h"
#include "kernels/gate_rows.h"
#include "kernels/isa.h"
#include "kernels/ops_scalar.h"

namespace fluvox::kernels {

void gate_scalar(const GateArguments& g) { gate_rows<Scalar>(g); }

void gate_cpu(std::ptrdiff_t rows, int channels, const float* a, std::ptrdiff_t a_stride,
              const float* q, std::ptrdiff_t q_stride, float* y, std::ptrdiff_t y_stride) {
  const GateArguments g = {rows, channels, a, a_stride, q, q_stride, y, y_stride};
#if defined(__x86_64__)
  if (isa() >= Isa::avx512) return gate_avx512(g);
  if (isa() >= Isa::avx2) return gate_avx2(g);
#endif
  gate_scalar(g);
}

}  // namespace fluvox::kernels
