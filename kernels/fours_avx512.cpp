// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include "kernels/fours_rows.h"
#include "kernels/ops_avx512.h"

namespace fluvox::kernels {

void four_inputs_avx512(std::ptrdiff_t blocks, std::ptrdiff_t side, const float* x, bool rectify,
                        float* t, std::ptrdiff_t apart) {
  four_inputs_rows<Avx512>(blocks, side, x, rectify, t, apart);
}
void four_outputs_avx512(std::ptrdiff_t blocks, std::ptrdiff_t side, const float* m,
                         std::ptrdiff_t apart, float* y, bool add) {
  four_outputs_rows<Avx512>(blocks, side, m, apart, y, add);
}

}  // namespace fluvox::kernels
#endif
