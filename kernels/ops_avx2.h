// AVX2 and FMA as Ops (ops_scalar.h says what that is). For files compiled with both.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace fluvox::kernels {
namespace {

struct Avx2 {
  using V = __m256;
  static constexpr int kLanes = 8;
  static V load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, V v) { _mm256_storeu_ps(p, v); }
  static __m256i first(int n) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane);
  }
  static V load_first(const float* p, int n) { return _mm256_maskload_ps(p, first(n)); }
  static void store_first(float* p, int n, V v) { _mm256_maskstore_ps(p, first(n), v); }
  static V broadcast(float a) { return _mm256_set1_ps(a); }
  static V add(V a, V b) { return _mm256_add_ps(a, b); }
  static V sub(V a, V b) { return _mm256_sub_ps(a, b); }
  static V mul(V a, V b) { return _mm256_mul_ps(a, b); }
  static V div(V a, V b) { return _mm256_div_ps(a, b); }
  static V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
  static V max(V a, V b) { return _mm256_max_ps(a, b); }
  static V min(V a, V b) { return _mm256_min_ps(a, b); }
  static V with_sign_of(V a, V b) {
    const V sign = _mm256_set1_ps(-0.0f);
    return _mm256_or_ps(_mm256_andnot_ps(sign, a), _mm256_and_ps(sign, b));
  }
  static V power_of_two(V t) {
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_slli_epi32(_mm256_castps_si256(t), 23),
                                                _mm256_set1_epi32(0x3f800000)));
  }
  static V root(V a) { return _mm256_sqrt_ps(a); }
  using Mask = __m256;
  static Mask less(V a, V b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
  static bool all(Mask m) { return _mm256_movemask_ps(m) == 0xff; }
  static V select(Mask m, V yes, V no) { return _mm256_blendv_ps(no, yes, m); }

  using U = __m256i;
  static int block_of_lane(int lane) { return lane % 4 * 2 + lane / 4; }
  static U load_words(const std::uint32_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static void store4(const V* v, float* p) {
    const V a = _mm256_unpacklo_ps(v[0], v[1]), b = _mm256_unpacklo_ps(v[2], v[3]);
    const V c = _mm256_unpackhi_ps(v[0], v[1]), d = _mm256_unpackhi_ps(v[2], v[3]);
    store(p, _mm256_shuffle_ps(a, b, 0x44));
    store(p + 8, _mm256_shuffle_ps(a, b, 0xee));
    store(p + 16, _mm256_shuffle_ps(c, d, 0x44));
    store(p + 24, _mm256_shuffle_ps(c, d, 0xee));
  }
  static U words(std::uint32_t a) { return _mm256_set1_epi32(static_cast<int>(a)); }
  static U plus(U a, U b) { return _mm256_add_epi32(a, b); }
  static U subtract(U a, U b) { return _mm256_sub_epi32(a, b); }
  static U exclusive_or(U a, U b) { return _mm256_xor_si256(a, b); }
  static U multiply(U a, std::uint32_t b, U* high) {
    const U factor = words(b);
    const U even = _mm256_mul_epu32(a, factor);
    const U odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), factor);
    *high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
    return _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
  }
  template <int kBits>
  static U left(U a) {
    return _mm256_slli_epi32(a, kBits);
  }
  template <int kBits>
  static U signed_right(U a) {
    return _mm256_srai_epi32(a, kBits);
  }
  static V floats(U a) { return _mm256_castsi256_ps(a); }
  static U bits(V a) { return _mm256_castps_si256(a); }
  // Its two halves are exact.
  static V nearest_float(U a) {
    const V high = _mm256_cvtepi32_ps(_mm256_srli_epi32(a, 16));
    const V low = _mm256_cvtepi32_ps(_mm256_and_si256(a, _mm256_set1_epi32(0xffff)));
    return fma(high, broadcast(0x1p16f), low);
  }
  static V signed_float(U a) { return _mm256_cvtepi32_ps(a); }
};

}  // namespace
}  // namespace fluvox::kernels
