// The few operations that host and device code share, each rounding once (IEEE, to nearest) on
// both: what is written with these alone gives the same bits on a CPU and on a GPU.
//
// Contraction cannot spoil it: say fused(a, b, c), never a * b + c.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)
#define FLUVOX_HOST_DEVICE __host__ __device__
#else
#define FLUVOX_HOST_DEVICE
#endif

namespace fluvox::kernels {

// a * b + c, rounded once
FLUVOX_HOST_DEVICE static inline float fused(float a, float b, float c) {
#if defined(__CUDA_ARCH__)
  return __fmaf_rn(a, b, c);
#else
  return __builtin_fmaf(a, b, c);
#endif
}

FLUVOX_HOST_DEVICE static inline float times(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}

FLUVOX_HOST_DEVICE static inline float minus(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fsub_rn(a, b);
#else
  return a - b;
#endif
}

FLUVOX_HOST_DEVICE static inline float square_root(float a) {
#if defined(__CUDA_ARCH__)
  return __fsqrt_rn(a);
#else
  return __builtin_sqrtf(a);
#endif
}

FLUVOX_HOST_DEVICE static inline float nearest_float(std::uint32_t a) {
#if defined(__CUDA_ARCH__)
  return __uint2float_rn(a);
#else
  return static_cast<float>(a);
#endif
}

FLUVOX_HOST_DEVICE static inline std::uint32_t bits_of(float a) {
#if defined(__CUDA_ARCH__)
  return __float_as_uint(a);
#else
  std::uint32_t bits;
  std::memcpy(&bits, &a, sizeof bits);
  return bits;
#endif
}

FLUVOX_HOST_DEVICE static inline float float_of(std::uint32_t bits) {
#if defined(__CUDA_ARCH__)
  return __uint_as_float(bits);
#else
  float a;
  std::memcpy(&a, &bits, sizeof a);
  return a;
#endif
}

}  // namespace fluvox::kernels
