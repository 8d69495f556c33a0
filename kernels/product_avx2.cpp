// Compiled with -mavx2 -mfma (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels/product_tile.h"

namespace fluvox::kernels {

namespace {

struct Avx2 {
  using V = __m256;
  static constexpr int kLanes = 8;
  static constexpr int kVectors = 2;
  static constexpr int kRows[] = {0, 8, 6};  // 12 of the 16 registers are sums
  static V load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, V v) { _mm256_storeu_ps(p, v); }
  static V broadcast(const float* p) { return _mm256_broadcast_ss(p); }
  static V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
};

}  // namespace

void product_avx2(const ProductArguments& a) { product_panels<Avx2>(a); }

}  // namespace fluvox::kernels
#endif
