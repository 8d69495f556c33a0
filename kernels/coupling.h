// The affine coupling's elementwise half: scale and shift, and the log-determinant.
//
//   forward:  z = exp(s) x + b,      log-det of a row = sum of its s
//   inverse:  x = (z - b) exp(-s)
//   backward of forward, from gz and the gradient g of the log-determinant:
//     gx = exp(s) gz        gb = gz              g_raw = (exp(s) x gz + g) ds/draw
//   backward of inverse, from gx:
//     gz = exp(-s) gx       gb = -exp(-s) gx     g_raw = -x gx ds/draw
//   s = raw                          ScaleBound::exact
//   s = clamp tanh(raw / clamp)      ScaleBound::tanh: |s| <= clamp, so exp cannot overflow
//   s = ln sigmoid(raw + 2)          ScaleBound::sigmoid: s < 0 (Glow); the scale itself never
//                                    exceeds 1, but its inverse is not bounded
//
// Shapes: x, raw, b, z are [rows][columns], each with strides of its own (view.h); row_log_det is
// [rows] of double, overwritten, or nullptr where nobody asks for it.
// Dtypes: float32, and float64 on the CPU by the plain formulas. In float32 on the CPU exp is
// within 1 unit in the last place and tanh within 2.5, NaN stays NaN, and all instruction sets give
// equal bits. Log-determinants are summed in double, the s of a row by column, in an order that the
// number of columns alone decides. A caller adds rows in the order of time (log_det_total), so
// chunks and threads change nothing. Aliasing: the output may be the very same elements as the
// input, or as raw or b; any other overlap is forbidden. A gradient may be the same elements as the
// gradient it is made from.
#pragma once

#include <cstddef>

#include "kernels/status.h"
#include "kernels/view.h"

namespace fluvox::kernels {

enum class ScaleBound { exact, tanh, sigmoid };

template <class T>
struct LogScaleOf {
  ConstViewOf<T> raw;
  ScaleBound bound = ScaleBound::exact;
  T clamp = 1;  // > 0; of ScaleBound::tanh only
};
using LogScale = LogScaleOf<float>;

// The gradients of what a coupling was given; one without data is not asked for.
template <class T>
struct CouplingGradients {
  ViewOf<T> x;  // of the inverse: z
  ViewOf<T> b;
  ViewOf<T> raw;
};

void coupling_forward_cpu(std::ptrdiff_t rows, int columns, ConstView x, const LogScale& scale,
                          ConstView b, View z, double* row_log_det);
Status coupling_forward_cuda(std::ptrdiff_t rows, int columns, ConstView x, const LogScale& scale,
                             ConstView b, View z, double* row_log_det, Stream stream);

void coupling_inverse_cpu(std::ptrdiff_t rows, int columns, ConstView z, const LogScale& scale,
                          ConstView b, View x);
Status coupling_inverse_cuda(std::ptrdiff_t rows, int columns, ConstView z, const LogScale& scale,
                             ConstView b, View x, Stream stream);

void coupling_forward_cpu(std::ptrdiff_t rows, int columns, ConstViewOf<double> x,
                          const LogScaleOf<double>& scale, ConstViewOf<double> b, ViewOf<double> z,
                          double* row_log_det);
void coupling_inverse_cpu(std::ptrdiff_t rows, int columns, ConstViewOf<double> z,
                          const LogScaleOf<double>& scale, ConstViewOf<double> b, ViewOf<double> x);

// x is what forward was given.
void coupling_backward_cpu(std::ptrdiff_t rows, int columns, ConstView x, const LogScale& scale,
                           ConstView gz, float g_log_det, const CouplingGradients<float>& g);
void coupling_backward_cpu(std::ptrdiff_t rows, int columns, ConstViewOf<double> x,
                           const LogScaleOf<double>& scale, ConstViewOf<double> gz,
                           double g_log_det, const CouplingGradients<double>& g);
// x is what the inverse gave.
void coupling_inverse_backward_cpu(std::ptrdiff_t rows, int columns, ConstView x,
                                   const LogScale& scale, ConstView gx,
                                   const CouplingGradients<float>& g);
void coupling_inverse_backward_cpu(std::ptrdiff_t rows, int columns, ConstViewOf<double> x,
                                   const LogScaleOf<double>& scale, ConstViewOf<double> gx,
                                   const CouplingGradients<double>& g);

// *total = the sum of row_log_det[0..rows), in an order that rows alone decides (cpu: one by one)
void log_det_total_cpu(std::ptrdiff_t rows, const double* row_log_det, double* total);
Status log_det_total_cuda(std::ptrdiff_t rows, const double* row_log_det, double* total,
                          Stream stream);

}  // namespace fluvox::kernels
