// tanh and sigmoid on the device: exact to float32 for T = float, else as fast as the rounding to
// 16 bits forgives. NaN stays NaN; infinities give the limits.
#pragma once

#include "kernels/device.h"

namespace fluvox::kernels {

template <class T>
__device__ float tanh_of(float u) {
  if constexpr (sizeof(T) == 4) return tanhf(u);
  const float e = __expf(-2 * fabsf(u));
  return copysignf(__fdividef(1 - e, 1 + e), u);
}

template <class T>
__device__ float sigmoid_of(float v) {
  if constexpr (sizeof(T) == 4) return 1 / (1 + expf(-v));
  return __fdividef(1, 1 + __expf(-v));
}

// tanh(u) sigmoid(v), with one division
template <class T>
__device__ float gate_of(float u, float v) {
  if constexpr (sizeof(T) == 4) return tanhf(u) / (1 + expf(-v));
  const float e = __expf(-2 * fabsf(u));
  return copysignf(__fdividef(1 - e, (1 + e) * (1 + __expf(-v))), u);
}

}  // namespace fluvox::kernels
