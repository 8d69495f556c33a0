// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include "kernels/flush_denormals.h"
#include "kernels/ops_avx2.h"
#include "kernels/product_bf16_tile.h"

namespace fluvox::kernels {

namespace {

struct Pairs {
  __m256 even, odd;
};

struct Avx2Pairs : Avx2 {
  using Segment = SegmentBf16;
  using Input = Pairs;
  using Weights = Pairs;
  static constexpr int kTerm = 2;
  static constexpr int kPadding = kBf16Block;
  static constexpr int kVectors = 2;
  static constexpr int kRows[] = {0, 6, 4};  // a pair of inputs and two of weights beside the sums
  static Pairs halves(__m256i pairs) {
    return {_mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16)),
            _mm256_castsi256_ps(
                _mm256_and_si256(pairs, _mm256_set1_epi32(static_cast<int>(0xffff0000u))))};
  }
  static Pairs input(const Bf16* x) {
    int pair;
    __builtin_memcpy(&pair, x, sizeof pair);
    return halves(_mm256_set1_epi32(pair));
  }
  static Pairs weights(const Bf16* w) {
    return halves(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(w)));
  }
  static V term(const Pairs& x, const Pairs& w, V sum) {
    return fma(x.even, w.even, fma(x.odd, w.odd, sum));
  }
};

}  // namespace

void product_bf16_avx2(const ProductArgumentsBf16& a) {
  const FlushDenormals flush;
  product_panels<Avx2Pairs>(a);
}

void to_bf16_avx2(std::ptrdiff_t count, const float* from, Bf16* to) {
  std::ptrdiff_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m256 value = _mm256_loadu_ps(from + i);
    const __m256 size = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), value);
    const __m256 tiny = _mm256_cmp_ps(size, _mm256_set1_ps(0x1p-126f), _CMP_LT_OQ);
    const __m256i bits = _mm256_castps_si256(
        _mm256_or_ps(_mm256_andnot_ps(tiny, size), _mm256_and_ps(_mm256_set1_ps(-0.0f), value)));
    const __m256i upper = _mm256_srli_epi32(bits, 16);
    const __m256i half =
        _mm256_add_epi32(_mm256_and_si256(upper, _mm256_set1_epi32(1)), _mm256_set1_epi32(0x7fff));
    const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(bits, half), 16);
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(value, value, _CMP_UNORD_Q));
    const __m256i quiet = _mm256_or_si256(upper, _mm256_set1_epi32(0x40));
    const __m256i words = _mm256_blendv_epi8(rounded, quiet, nan);
    const __m128i packed =
        _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), packed);
  }
  to_bf16_scalar(count - i, from + i, to + i);
}

}  // namespace fluvox::kernels
#endif
