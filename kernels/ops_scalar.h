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
  static V broadcast(float a) { return a; }
  static V add(V a, V b) { return a + b; }
  static V sub(V a, V b) { return a - b; }
  static V mul(V a, V b) { return a * b; }
  static V div(V a, V b) { return a / b; }
  static V fma(V a, V b, V c) { return __builtin_fmaf(a, b, c); }
  static V max(V a, V b) { return a > b ? a : b; }
  static V min(V a, V b) { return a < b ? a : b; }
  static V with_sign_of(V a, V b) { return __builtin_copysignf(a, b); }
  static V power_of_two(V t) { return float_of((bits_of(t) << 23) + 0x3f800000u); }
};

}  // namespace
}  // namespace fluvox::kernels
