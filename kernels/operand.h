// The numbers that tensor cores multiply (storage.h): rounded<T>(a) is a to the nearest, value(a)
// the number as a float, exactly.
#pragma once

#include "kernels/storage.h"

namespace fluvox::kernels {

template <class T>
FLUVOX_HOST_DEVICE inline T rounded(float a) {
  return stored<T>(a);
}
template <class T>
FLUVOX_HOST_DEVICE inline float value(T a) {
  return to_float(a);
}

}  // namespace fluvox::kernels
