// Compiled with -mavx512f -mavx2 -mfma (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels/product_tile.h"

namespace fluvox::kernels {

namespace {

struct Avx512 {
  using V = __m512;
  static constexpr int kLanes = 16;
  static constexpr int kVectors = 4;
  static constexpr int kRows[] = {0, 12, 12, 8, 6};  // up to 24 of the 32 registers are sums
  static V load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, V v) { _mm512_storeu_ps(p, v); }
  static V broadcast(const float* p) { return _mm512_set1_ps(*p); }
  static V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
};

}  // namespace

void product_avx512(const ProductArguments& a) { product_panels<Avx512>(a); }

}  // namespace fluvox::kernels
#endif
