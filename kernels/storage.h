// What 16-bit numbers are kept as, and their way to float32 and back: to nearest even, NaN stays
// NaN, subnormals stay what they are. Written in integers, so host and device agree bit for bit.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/portable.h"

namespace fluvox::kernels {

struct Bf16 {
  std::uint16_t bits;  // the upper half of a float32
};

struct Half {
  std::uint16_t bits;  // IEEE binary16
};

FLUVOX_HOST_DEVICE static inline float to_float(float a) { return a; }

FLUVOX_HOST_DEVICE static inline float to_float(Bf16 a) {
  return float_of(std::uint32_t{a.bits} << 16);
}

FLUVOX_HOST_DEVICE static inline float to_float(Half a) {
  // With the exponent's field in place, 2^112 makes up for its other bias; also for subnormals.
  std::uint32_t size = bits_of(times(float_of((a.bits & 0x7fffu) << 13), 0x1p112f));
  if ((a.bits & 0x7c00u) == 0x7c00u) size |= 0x7f800000u;
  return float_of(size | (a.bits & 0x8000u) << 16);
}

FLUVOX_HOST_DEVICE static inline Bf16 nearest_bf16(float a) {
  const std::uint32_t bits = bits_of(a);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<std::uint16_t>(bits >> 16 | 0x40u)};
  return {static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16)};
}

FLUVOX_HOST_DEVICE static inline Half nearest_half(float a) {
  const std::uint32_t sign = bits_of(a) >> 16 & 0x8000u, size = bits_of(a) & 0x7fffffffu;
  std::uint32_t bits;
  if (size > 0x7f800000u) {
    bits = 0x7e00u;
  } else if (size >= 0x477ff000u) {  // 65520, the first that rounds to infinity
    bits = 0x7c00u;
  } else if (size < 0x38800000u) {  // below 2^-14: 0.5 has the unit of half's subnormals
    bits = bits_of(float_of(size) + 0.5f) - 0x3f000000u;
  } else {
    bits = (size + 0xfffu + (size >> 13 & 1u) - 0x38000000u) >> 13;
  }
  return {static_cast<std::uint16_t>(sign | bits)};
}

// a as a T
template <class T>
FLUVOX_HOST_DEVICE T stored(float a) {
  if constexpr (std::is_same_v<T, Bf16>)
    return nearest_bf16(a);
  else if constexpr (std::is_same_v<T, Half>)
    return nearest_half(a);
  else
    return a;
}

}  // namespace fluvox::kernels
