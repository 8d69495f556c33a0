#include <cmath>

#include "kernels/gate.h"

namespace fluvox::kernels {

void gate_cpu(std::ptrdiff_t rows, int channels, const float* a, std::ptrdiff_t a_stride,
              const float* q, std::ptrdiff_t q_stride, float* y, std::ptrdiff_t y_stride) {
  for (std::ptrdiff_t t = 0; t < rows; ++t, a += a_stride, y += y_stride) {
    for (int c = 0; c < channels; ++c) {
      float u = a[c];
      float v = a[channels + c];
      if (q != nullptr) {
        u += q[c];
        v += q[channels + c];
      }
      y[c] = std::tanh(u) / (1 + std::exp(-v));
    }
    if (q != nullptr) q += q_stride;
  }
}

}  // namespace fluvox::kernels
