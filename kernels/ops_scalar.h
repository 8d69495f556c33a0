// The plain twin of ops_avx2.h and ops_avx512.h: a vector of one float.
//
// Ops is what the templates of product_tile.h, elementary.h and their like are compiled with: one
// instruction set each, in translation units of its own. Every operation rounds once, alike in all
// of them, so what is written with Ops alone has equal bits everywhere. Internal linkage, and no
// inline function of another header: otherwise the linker could choose an AVX-512 body for a
// machine that has none.
//
//   V: kLanes floats       load, store, load_first, store_first (n < kLanes of them; 0 in the rest)
//   fma(a, b, c)           a b + c rounded once
//   max(a, b), min(a, b)   b where either is NaN
//   with_sign_of(a, b)     |a| with the sign of b
//   power_of_two(t)        2^n of t = kShift + n, -126 <= n <= 127; infinity for n = 128
//   U: kLanes words of 32 bits
//   multiply(a, b, &high)  a b, its lower half, and its upper half
//   nearest_float(a), signed_float(a)   of unsigned and of signed words, rounded once
//   store4(v, p)           p[4 k + j] <- v[j] of the lane with block_of_lane() k
//
// The plain twin is the device's too, where a kernel has the same bits on CPU and GPU (noise.h).
#pragma once

#include "kernels/portable.h"

namespace fluvox::kernels {
namespace {

struct Scalar {
  using V = float;
  static constexpr int kLanes = 1;
  static V load(const float* p) { return *p; }
  static void store(float* p, V v) { *p = v; }
  static V load_first(const float*, int) { return 0; }
  static void store_first(float*, int, V) {}
  FLUVOX_HOST_DEVICE static V broadcast(float a) { return a; }
  static V add(V a, V b) { return a + b; }
  FLUVOX_HOST_DEVICE static V sub(V a, V b) { return minus(a, b); }
  FLUVOX_HOST_DEVICE static V mul(V a, V b) { return times(a, b); }
  static V div(V a, V b) { return a / b; }
  FLUVOX_HOST_DEVICE static V fma(V a, V b, V c) { return fused(a, b, c); }
  FLUVOX_HOST_DEVICE static V root(V a) { return square_root(a); }
  static V max(V a, V b) { return a > b ? a : b; }
  static V min(V a, V b) { return a < b ? a : b; }
  FLUVOX_HOST_DEVICE static V with_sign_of(V a, V b) {
    return float_of((bits_of(a) & 0x7fffffffu) | (bits_of(b) & 0x80000000u));
  }
  static V power_of_two(V t) { return float_of((bits_of(t) << 23) + 0x3f800000u); }
  using Mask = bool;
  FLUVOX_HOST_DEVICE static Mask less(V a, V b) { return a < b; }
  FLUVOX_HOST_DEVICE static bool all(Mask m) { return m; }
  FLUVOX_HOST_DEVICE static V select(Mask m, V yes, V no) { return m ? yes : no; }

  using U = std::uint32_t;
  static int block_of_lane(int) { return 0; }
  static U load_words(const std::uint32_t* p) { return *p; }
  static void store4(const V* v, float* p) {
    for (int j = 0; j < 4; ++j) p[j] = v[j];
  }
  FLUVOX_HOST_DEVICE static U words(std::uint32_t a) { return a; }
  FLUVOX_HOST_DEVICE static U plus(U a, U b) { return a + b; }
  FLUVOX_HOST_DEVICE static U subtract(U a, U b) { return a - b; }
  FLUVOX_HOST_DEVICE static U exclusive_or(U a, U b) { return a ^ b; }
  FLUVOX_HOST_DEVICE static U multiply(U a, std::uint32_t b, U* high) {
    const std::uint64_t product = std::uint64_t{a} * b;
    *high = static_cast<U>(product >> 32);
    return static_cast<U>(product);
  }
  template <int kBits>
  FLUVOX_HOST_DEVICE static U left(U a) {
    return a << kBits;
  }
  template <int kBits>
  FLUVOX_HOST_DEVICE static U signed_right(U a) {
    return static_cast<U>(static_cast<std::int32_t>(a) >> kBits);
  }
  FLUVOX_HOST_DEVICE static V floats(U a) { return float_of(a); }
  FLUVOX_HOST_DEVICE static U bits(V a) { return bits_of(a); }
  FLUVOX_HOST_DEVICE static V nearest_float(U a) { return kernels::nearest_float(a); }
  FLUVOX_HOST_DEVICE static V signed_float(U a) {
    return static_cast<float>(static_cast<std::int32_t>(a));
  }
};

}  // namespace
}  // namespace fluvox::kernels
