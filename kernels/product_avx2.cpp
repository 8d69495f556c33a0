// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include "kernels/ops_avx2.h"
#include "kernels/product_tile.h"

namespace fluvox::kernels {

namespace {

struct Avx2Tiles : PlainTerms<Avx2> {
  static constexpr int kVectors = 2;
  static constexpr int kRows[] = {0, 8, 6};  // 12 of the 16 registers are sums
};

}  // namespace

void product_avx2(const ProductArguments& a) { product_panels<Avx2Tiles>(a); }

}  // namespace fluvox::kernels
#endif
