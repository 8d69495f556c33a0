#include "kernels/fours_rows.h"
#include "kernels/isa.h"
#include "kernels/ops_scalar.h"

namespace fluvox::kernels {

void four_inputs_scalar(std::ptrdiff_t blocks, std::ptrdiff_t side, const float* x, bool rectify,
                        float* t, std::ptrdiff_t apart) {
  four_inputs_rows<Scalar>(blocks, side, x, rectify, t, apart);
}
void four_outputs_scalar(std::ptrdiff_t blocks, std::ptrdiff_t side, const float* m,
                         std::ptrdiff_t apart, float* y, bool add) {
  four_outputs_rows<Scalar>(blocks, side, m, apart, y, add);
}

void four_inputs_cpu(std::ptrdiff_t blocks, std::ptrdiff_t side, const float* x, bool rectify,
                     float* t, std::ptrdiff_t apart) {
#if defined(__x86_64__)
  if (isa() >= Isa::avx512) return four_inputs_avx512(blocks, side, x, rectify, t, apart);
  if (isa() >= Isa::avx2) return four_inputs_avx2(blocks, side, x, rectify, t, apart);
#endif
  four_inputs_scalar(blocks, side, x, rectify, t, apart);
}

void four_outputs_cpu(std::ptrdiff_t blocks, std::ptrdiff_t side, const float* m,
                      std::ptrdiff_t apart, float* y, bool add) {
#if defined(__x86_64__)
  if (isa() >= Isa::avx512) return four_outputs_avx512(blocks, side, m, apart, y, add);
  if (isa() >= Isa::avx2) return four_outputs_avx2(blocks, side, m, apart, y, add);
#endif
  four_outputs_scalar(blocks, side, m, apart, y, add);
}

}  // namespace fluvox::kernels
