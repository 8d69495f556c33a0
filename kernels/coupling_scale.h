// s and ds/draw of a coupling on the device (coupling.h). For .cu files.
#pragma once

#include "kernels/coupling.h"
#include "kernels/device.h"

namespace fluvox::kernels {
namespace {

__device__ float log_scale(ScaleBound bound, float clamp, float raw) {
  if (bound == ScaleBound::exact) return raw;
  if (bound == ScaleBound::tanh) return clamp * tanhf(raw / clamp);
  const float v = raw + 2;
  return fminf(v, 0.0f) - log1pf(expf(-fabsf(v)));
}

}  // namespace
}  // namespace fluvox::kernels
