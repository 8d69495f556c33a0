// AVX-512F as Ops (ops_scalar.h says what that is). For files compiled with it.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace fluvox::kernels {
namespace {

struct Avx512 {
  using V = __m512;
  static constexpr int kLanes = 16;
  static V load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, V v) { _mm512_storeu_ps(p, v); }
  static __mmask16 first(int n) { return static_cast<__mmask16>((1u << n) - 1); }
  static V load_first(const float* p, int n) { return _mm512_maskz_loadu_ps(first(n), p); }
  static void store_first(float* p, int n, V v) { _mm512_mask_storeu_ps(p, first(n), v); }
  static V broadcast(float a) { return _mm512_set1_ps(a); }
  static V add(V a, V b) { return _mm512_add_ps(a, b); }
  static V sub(V a, V b) { return _mm512_sub_ps(a, b); }
  static V mul(V a, V b) { return _mm512_mul_ps(a, b); }
  static V div(V a, V b) { return _mm512_div_ps(a, b); }
  static V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
  static V max(V a, V b) { return _mm512_max_ps(a, b); }
  static V min(V a, V b) { return _mm512_min_ps(a, b); }
  static V with_sign_of(V a, V b) {
    // Bit by bit: of b where the mask has a one, else of a.
    return _mm512_castsi512_ps(
        _mm512_ternarylogic_epi32(_mm512_set1_epi32(static_cast<int>(0x80000000u)),
                                  _mm512_castps_si512(b), _mm512_castps_si512(a), 0xca));
  }
  static V power_of_two(V t) {
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_slli_epi32(_mm512_castps_si512(t), 23),
                                                _mm512_set1_epi32(0x3f800000)));
  }
  static V root(V a) { return _mm512_sqrt_ps(a); }
  using Mask = __mmask16;
  static Mask less(V a, V b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
  static bool all(Mask m) { return m == 0xffff; }
  static V select(Mask m, V yes, V no) { return _mm512_mask_blend_ps(m, no, yes); }

  using U = __m512i;
  static int block_of_lane(int lane) { return lane % 4 * 4 + lane / 4; }
  static U load_words(const std::uint32_t* p) { return _mm512_loadu_si512(p); }
  static void store4(const V* v, float* p) {
    const V a = _mm512_unpacklo_ps(v[0], v[1]), b = _mm512_unpacklo_ps(v[2], v[3]);
    const V c = _mm512_unpackhi_ps(v[0], v[1]), d = _mm512_unpackhi_ps(v[2], v[3]);
    store(p, _mm512_shuffle_ps(a, b, 0x44));
    store(p + 16, _mm512_shuffle_ps(a, b, 0xee));
    store(p + 32, _mm512_shuffle_ps(c, d, 0x44));
    store(p + 48, _mm512_shuffle_ps(c, d, 0xee));
  }
  static U words(std::uint32_t a) { return _mm512_set1_epi32(static_cast<int>(a)); }
  static U plus(U a, U b) { return _mm512_add_epi32(a, b); }
  static U subtract(U a, U b) { return _mm512_sub_epi32(a, b); }
  static U exclusive_or(U a, U b) { return _mm512_xor_si512(a, b); }
  static U multiply(U a, std::uint32_t b, U* high) {
    const U factor = words(b);
    const U even = _mm512_mul_epu32(a, factor);
    const U odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), factor);
    *high = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
    return _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
  }
  template <int kBits>
  static U left(U a) {
    return _mm512_slli_epi32(a, kBits);
  }
  template <int kBits>
  static U signed_right(U a) {
    return _mm512_srai_epi32(a, kBits);
  }
  static V floats(U a) { return _mm512_castsi512_ps(a); }
  static U bits(V a) { return _mm512_castps_si512(a); }
  static V nearest_float(U a) { return _mm512_cvtepu32_ps(a); }
  static V signed_float(U a) { return _mm512_cvtepi32_ps(a); }
};

}  // namespace
}  // namespace fluvox::kernels
