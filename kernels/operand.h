// The numbers that tensor cores multiply: bfloat16 and half, as bits. Sums are float32 throughout.
//
// rounded<T>(a): a to the nearest, ties to even; too large becomes infinity, NaN stays NaN; numbers
// below the smallest normal one keep what bits they have. That is what the device's own
// instructions do. value(a): the number as a float, exactly.
#pragma once

#include <cstdint>

#include "kernels/portable.h"
#include "kernels/product_bf16.h"

namespace fluvox::kernels {

struct Half {
  std::uint16_t bits;  // IEEE binary16
};

template <class T>
T rounded(float a);

template <>
inline float rounded<float>(float a) {
  return a;
}

template <>
inline Bf16 rounded<Bf16>(float a) {
  const std::uint32_t bits = bits_of(a);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {0x7fff};
  return {static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16)};
}

template <>
inline Half rounded<Half>(float a) {
  const std::uint32_t bits = bits_of(a), size = bits & 0x7fffffffu;
  std::uint32_t half;
  if (size > 0x7f800000u)
    return {0x7fff};
  else if (size >= 0x47800000u)  // 2^16
    half = 0x7c00;
  else if (size < 0x38800000u)  // 2^-14: a float from 1/2 on has this half's last place
    half = bits_of(float_of(size) + 0.5f) - 0x3f000000u;
  else
    half = (size - 0x38000000u + 0xfffu + ((size >> 13) & 1)) >> 13;
  return {static_cast<std::uint16_t>(half | ((bits >> 16) & 0x8000u))};
}

FLUVOX_HOST_DEVICE inline float value(float a) { return a; }
FLUVOX_HOST_DEVICE inline float value(Bf16 a) { return float_of(std::uint32_t{a.bits} << 16); }
FLUVOX_HOST_DEVICE inline float value(Half a) {
  const std::uint32_t sign = (a.bits & 0x8000u) << 16, size = a.bits & 0x7fffu;
  if (size >= 0x7c00) return float_of(sign | 0x7f800000u | ((size & 0x3ffu) << 13));
  const float scaled = times(float_of(size << 13), 0x1p+112f);  // the exponents' zeros are 112 apart
  return float_of(sign | bits_of(scaled));
}

}  // namespace fluvox::kernels
