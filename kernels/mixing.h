// The invertible 1x1 convolution: every column of x is multiplied by the same matrix.
//
//   forward:   z[i][t] = sum_j w[i][j] x[j][t]         log|det| = columns log|det w|
//   inverse:   the same with w^-1        backward: gx is the same with gz and w's transpose,
//              gw[i][j] = sum_t gz[i][t] x[j][t]       d log|det w| / dw = (w^-1)'
//
// Shapes: x, z [channels][columns], of a batch [items][channels][columns], each with strides of its
// own (view.h); on the CPU columns are neighbours. On the GPU x and z may have any strides, so what
// a squeeze leaves in place is read there, and its gradient written there. w [channels][channels]
// with w_row from row to row and w_column from column to column: swapped, it is the transpose.
// Dtypes: float32, and float64 on the CPU; on the GPU x and z may be Bf16 or Half, w stays float32
// as the sums do. w's inverse and determinant are float64.
// Order: a z by j, one fused multiply-add a term. gw in pieces of kMixingPiece columns of an item;
// each piece in lanes that the piece's length decides, the pieces in double, one by one. No
// atomics.
// Aliasing: none.
#pragma once

#include <cstddef>

#include "kernels/status.h"
#include "kernels/storage.h"
#include "kernels/view.h"

namespace fluvox::kernels {

inline constexpr int kMixingPiece = 512;

// of the sums of gw
inline std::ptrdiff_t mixing_pieces(std::ptrdiff_t items, std::ptrdiff_t columns) {
  return items * ((columns + kMixingPiece - 1) / kMixingPiece);
}

void mixing_cpu(int channels, std::ptrdiff_t columns, const float* w, std::ptrdiff_t w_row,
                std::ptrdiff_t w_column, ConstView x, View z);
void mixing_cpu(int channels, std::ptrdiff_t columns, const double* w, std::ptrdiff_t w_row,
                std::ptrdiff_t w_column, ConstViewOf<double> x, ViewOf<double> z);
template <class T>
Status mixing_cuda(std::ptrdiff_t items, int channels, std::ptrdiff_t columns, const float* w,
                   std::ptrdiff_t w_row, std::ptrdiff_t w_column, Batch<const T> x, Batch<T> z,
                   Stream stream);

// gw [channels][channels] += that of these columns
void mixing_weight_gradient_cpu(int channels, std::ptrdiff_t columns, ConstView gz, ConstView x,
                                double* gw);
void mixing_weight_gradient_cpu(int channels, std::ptrdiff_t columns, ConstViewOf<double> gz,
                                ConstViewOf<double> x, double* gw);
// gw is overwritten. sums: room for mixing_pieces(items, columns) * channels^2 numbers.
template <class T>
Status mixing_weight_gradient_cuda(std::ptrdiff_t items, int channels, std::ptrdiff_t columns,
                                   Batch<const T> gz, Batch<const T> x, float* sums, double* gw,
                                   Stream stream);

// *log_abs_det = log|det w| and inverse = w^-1 by Gauss and Jordan with pivots from the column. Of
// a singular w the first is -infinity and the second not finite; of one that is not finite, both
// are NaN or infinite. w and inverse are [channels][channels], contiguous; they may be the same.
// rows: room for as many numbers as there are channels
void inverse_log_det_cpu(int channels, const double* w, int* rows, double* inverse,
                         double* log_abs_det);
Status inverse_log_det_cuda(int channels, const double* w, int* rows, double* inverse,
                            double* log_abs_det, Stream stream);

}  // namespace fluvox::kernels
