// The gate of WaveNet's layers, with its condition.
//
//   y[t][c] = tanh(a[t][c] + q[t][c]) sigmoid(a[t][C + c] + q[t][C + c])
//                                                          t in [0, rows), c in [0, C = channels)
//
// Shapes, time-major: a [rows][2 C], tanh's channels first; the condition q [rows][2 C] or nullptr;
// y [rows][C]. Each has its own stride from row to row.
// Dtypes: float32. Against float64 the relative error is below 3e-7 (down to 1e-38). Infinite
// arguments give the limits, NaN gives NaN, and nothing else does. The CPU's instruction sets give
// equal bits.
// Aliasing: y may be the first C channels of a or of q (same pointer and stride); no other overlap.
#pragma once

#include <cstddef>

#include "kernels/status.h"

namespace fluvox::kernels {

void gate_cpu(std::ptrdiff_t rows, int channels, const float* a, std::ptrdiff_t a_stride,
              const float* q, std::ptrdiff_t q_stride, float* y, std::ptrdiff_t y_stride);
Status gate_cuda(std::ptrdiff_t rows, int channels, const float* a, std::ptrdiff_t a_stride,
                 const float* q, std::ptrdiff_t q_stride, float* y, std::ptrdiff_t y_stride,
                 Stream stream);

}  // namespace fluvox::kernels
