// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include "kernels/ops_avx512.h"
#include "kernels/product_tile.h"

namespace fluvox::kernels {

namespace {

struct Avx512Tiles : PlainTerms<Avx512> {
  static constexpr int kVectors = 4;
  static constexpr int kRows[] = {0, 12, 12, 8, 6};  // up to 24 of the 32 registers are sums
};

}  // namespace

void product_avx512(const ProductArguments& a) { product_panels<Avx512Tiles>(a); }

}  // namespace fluvox::kernels
#endif
