// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include "kernels/flush_denormals.h"
#include "kernels/ops_avx512.h"
#include "kernels/product_bf16_tile.h"

namespace fluvox::kernels {

namespace {

struct Pairs {
  __m512 even, odd;
};

struct Avx512Pairs : Avx512 {
  using Segment = SegmentBf16;
  using Input = Pairs;
  using Weights = Pairs;
  static constexpr int kTerm = 2;
  static constexpr int kPadding = kBf16Block;
  static constexpr int kVectors = 4;
  static constexpr int kRows[] = {0, 12, 10, 6, 5};
  static Pairs halves(__m512i pairs) {
    return {_mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)),
            _mm512_castsi512_ps(
                _mm512_and_si512(pairs, _mm512_set1_epi32(static_cast<int>(0xffff0000u))))};
  }
  static Pairs input(const Bf16* x) {
    int pair;
    __builtin_memcpy(&pair, x, sizeof pair);
    return halves(_mm512_set1_epi32(pair));
  }
  static Pairs weights(const Bf16* w) { return halves(_mm512_loadu_si512(w)); }
  static V term(const Pairs& x, const Pairs& w, V sum) {
    return fma(x.even, w.even, fma(x.odd, w.odd, sum));
  }
};

}  // namespace

void product_bf16_avx512(const ProductArgumentsBf16& a) {
  const FlushDenormals flush;
  product_panels<Avx512Pairs>(a);
}

void to_bf16_avx512(std::ptrdiff_t count, const float* from, Bf16* to) {
  std::ptrdiff_t i = 0;
  for (; i < count; i += 16) {
    const int left = count - i < 16 ? static_cast<int>(count - i) : 16;
    const __mmask16 valid = Avx512::first(left);
    const __m512i value = _mm512_maskz_loadu_epi32(valid, from + i);
    const __m512i sign = _mm512_set1_epi32(static_cast<int>(0x80000000u));
    const __m512i size = _mm512_andnot_si512(sign, value);
    // As integers, sizes are in the order of the floats.
    const __mmask16 tiny = _mm512_cmplt_epi32_mask(size, _mm512_set1_epi32(0x00800000));
    const __mmask16 nan = _mm512_cmpgt_epi32_mask(size, _mm512_set1_epi32(0x7f800000));
    const __m512i bits = _mm512_mask_and_epi32(value, tiny, value, sign);
    const __m512i upper = _mm512_srli_epi32(bits, 16);
    const __m512i half =
        _mm512_add_epi32(_mm512_and_si512(upper, _mm512_set1_epi32(1)), _mm512_set1_epi32(0x7fff));
    const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, half), 16);
    const __m512i words = _mm512_mask_or_epi32(rounded, nan, upper, _mm512_set1_epi32(0x40));
    _mm512_mask_cvtepi32_storeu_epi16(to + i, valid, words);
  }
}

}  // namespace fluvox::kernels
#endif
