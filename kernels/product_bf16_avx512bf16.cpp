// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include "kernels/ops_avx512.h"
#include "kernels/product_bf16_tile.h"

namespace fluvox::kernels {

namespace {

struct Avx512Bf16Pairs : Avx512 {
  using Segment = SegmentBf16;
  using Input = __m512bh;
  using Weights = __m512bh;
  static constexpr int kTerm = 2;
  static constexpr int kPadding = kBf16Block;
  static constexpr int kVectors = 4;
  static constexpr int kRows[] = {0, 12, 12, 8, 6};  // up to 24 of the 32 registers are sums
  static Input input(const Bf16* x) {
    int pair;
    __builtin_memcpy(&pair, x, sizeof pair);
    return reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
  }
  static Weights weights(const Bf16* w) {
    return reinterpret_cast<__m512bh>(_mm512_loadu_si512(w));
  }
  static V term(Input x, Weights w, V sum) { return _mm512_dpbf16_ps(sum, x, w); }
};

}  // namespace

void product_bf16_avx512bf16(const ProductArgumentsBf16& a) { product_panels<Avx512Bf16Pairs>(a); }

}  // namespace fluvox::kernels
#endif
