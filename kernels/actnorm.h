// ActNorm: a shift and a factor a channel (flow/actnorm.h).
//
//   forward:  z = exp(s) (x + b)        log|det| = columns sum s
//   inverse:  x = exp(-s) z - b
//   backward of forward, from gz:   gx = exp(s) gz     gb = sum gx     gs = sum gx (x + b)
//   backward of inverse, from gx:   gz = exp(-s) gx    gb = -sum gx    gs = -sum gx (x + b)
//
// gs without what the log-determinant adds; x is what forward was given, what the inverse gave.
// Shapes: x, z [channels][columns], on the GPU of a batch [items][channels][columns], with strides
// of their own (view.h); s, b, gs, gb [channels].
// Dtypes: float32, and float64 on the CPU; on the GPU x and z may be Bf16 or Half, s and b stay
// float32. Sums are double: on the CPU column by column in 8 lanes, added to what is there; on the
// GPU pieces of kActNormPiece columns by a tree, a channel's pieces by another. No atomics.
// Aliasing: the output may be the very same elements as the input.
#pragma once

#include <cstddef>

#include "kernels/status.h"
#include "kernels/storage.h"
#include "kernels/view.h"

namespace fluvox::kernels {

inline constexpr int kActNormPiece = 1024;

// of one channel's sums
inline std::ptrdiff_t actnorm_pieces(std::ptrdiff_t items, std::ptrdiff_t columns) {
  return items * ((columns + kActNormPiece - 1) / kActNormPiece);
}

// T: float, double
template <class T>
void actnorm_forward_cpu(int channels, std::ptrdiff_t columns, const T* s, const T* b,
                         ConstViewOf<T> x, ViewOf<T> z);
template <class T>
void actnorm_inverse_cpu(int channels, std::ptrdiff_t columns, const T* s, const T* b,
                         ConstViewOf<T> z, ViewOf<T> x);
// forward: whether of forward. gs and gb gain these columns' sums.
template <class T>
void actnorm_backward_cpu(bool forward, int channels, std::ptrdiff_t columns, const T* s,
                          const T* b, ConstViewOf<T> x, ConstViewOf<T> given, ViewOf<T> made,
                          double* gs, double* gb);

// T: float, Bf16, Half
template <class T>
Status actnorm_forward_cuda(std::ptrdiff_t items, int channels, std::ptrdiff_t columns,
                            const float* s, const float* b, Batch<const T> x, Batch<T> z,
                            Stream stream);
template <class T>
Status actnorm_inverse_cuda(std::ptrdiff_t items, int channels, std::ptrdiff_t columns,
                            const float* s, const float* b, Batch<const T> z, Batch<T> x,
                            Stream stream);
// gs and gb are overwritten. sums: room for 2 * channels * actnorm_pieces(items, columns) numbers.
template <class T>
Status actnorm_backward_cuda(bool forward, std::ptrdiff_t items, int channels,
                             std::ptrdiff_t columns, const float* s, const float* b,
                             Batch<const T> x, Batch<const T> given, Batch<T> made, double* sums,
                             double* gs, double* gb, Stream stream);

}  // namespace fluvox::kernels
