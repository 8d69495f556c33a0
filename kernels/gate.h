// The gate of WaveNet's layers, with its condition.
//
//   y[t][c] = tanh(a[t][c] + q[t][c]) sigmoid(a[t][C + c] + q[t][C + c])
//                                                          t in [0, rows), c in [0, C = channels)
//
// Shapes, time-major: a [rows][2 C], tanh's channels first; the condition q [rows][2 C] or nullptr;
// y [rows][C]. Each has its own stride from row to row. Training's [B, 2 C, T] is the same with B
// rows of 2 C T numbers.
// Dtypes: float32. Against float64 the relative error is below 3e-7 (down to 1e-38). Infinite
// arguments give the limits, NaN gives NaN, and nothing else does. The CPU's instruction sets give
// equal bits.
// Aliasing: y may be the first C channels of a or of q (same pointer and stride); no other overlap.
//
// For training, with both factors rounded to the dtype before they are multiplied and kept for the
// backward pass, which then needs neither a nor q nor a transcendental function:
//   f[t][c] = tanh(a[t][c] + q[t][c])      f[t][C + c] = sigmoid(a[t][C + c] + q[t][C + c])
//   y[t][c] = f[t][c] f[t][C + c]
//   ga[t][c] = gy f[t][C + c] (1 - f[t][c]^2)
//   ga[t][C + c] = gy f[t][c] f[t][C + c] (1 - f[t][C + c])            gq = ga
// f [rows][2 C], rows 2 C apart, or nullptr: y has the same bits without. gy, ga: rows C and 2 C
// apart. On the CPU only the channels [first, last) are done. float32, float64 on the CPU by the
// plain formulas; on the GPU Bf16 and Half too, which compute in float32.
#pragma once

#include <cstddef>

#include "kernels/status.h"
#include "kernels/storage.h"

namespace fluvox::kernels {

void gate_cpu(std::ptrdiff_t rows, int channels, const float* a, std::ptrdiff_t a_stride,
              const float* q, std::ptrdiff_t q_stride, float* y, std::ptrdiff_t y_stride);
Status gate_cuda(std::ptrdiff_t rows, int channels, const float* a, std::ptrdiff_t a_stride,
                 const float* q, std::ptrdiff_t q_stride, float* y, std::ptrdiff_t y_stride,
                 Stream stream);

void gate_factors_cpu(std::ptrdiff_t rows, int channels, int first, int last, const float* a,
                      std::ptrdiff_t a_stride, const float* q, std::ptrdiff_t q_stride, float* f,
                      float* y, std::ptrdiff_t y_stride);
void gate_factors_cpu(std::ptrdiff_t rows, int channels, int first, int last, const double* a,
                      std::ptrdiff_t a_stride, const double* q, std::ptrdiff_t q_stride, double* f,
                      double* y, std::ptrdiff_t y_stride);
template <class T>
Status gate_factors_cuda(std::ptrdiff_t rows, int channels, const T* a, std::ptrdiff_t a_stride,
                         const T* q, std::ptrdiff_t q_stride, T* f, T* y, std::ptrdiff_t y_stride,
                         Stream stream);

void gate_backward_cpu(std::ptrdiff_t rows, int channels, int first, int last, const float* f,
                       const float* gy, float* ga);
void gate_backward_cpu(std::ptrdiff_t rows, int channels, int first, int last, const double* f,
                       const double* gy, double* ga);
template <class T>
Status gate_backward_cuda(std::ptrdiff_t rows, int channels, const T* f, const T* gy, T* ga,
                          Stream stream);

}  // namespace fluvox::kernels
