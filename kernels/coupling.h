// The affine coupling's elementwise half: scale and shift, and the log-determinant.
//
//   forward:  z = exp(s) x + b,      log-det of a row = sum of its s
//   inverse:  x = (z - b) exp(-s)
//   s = raw                          ScaleBound::exact
//   s = clamp tanh(raw / clamp)      ScaleBound::tanh: |s| <= clamp, so exp cannot overflow
//   s = ln sigmoid(raw + 2)          ScaleBound::sigmoid: s < 0 (Glow); the scale itself never
//                                    exceeds 1, but its inverse is not bounded
//
// Shapes: x, raw, b, z are [rows][columns], each with strides of its own (view.h); row_log_det is
// [rows] of double, overwritten, or nullptr where nobody asks for it.
// Dtypes: float32; log-determinants are summed in double, the s of a row by column, in an order
// that the number of columns alone decides. A caller adds rows in the order of time
// (log_det_total), so chunks and threads change nothing. Aliasing: the output may be the very same
// elements as the input, or as raw or b; any other overlap is forbidden.
#pragma once

#include <cstddef>

#include "kernels/status.h"
#include "kernels/view.h"

namespace fluvox::kernels {

enum class ScaleBound { exact, tanh, sigmoid };

struct LogScale {
  ConstView raw;
  ScaleBound bound = ScaleBound::exact;
  float clamp = 1;  // > 0; of ScaleBound::tanh only
};

void coupling_forward_cpu(std::ptrdiff_t rows, int columns, ConstView x, const LogScale& scale,
                          ConstView b, View z, double* row_log_det);
Status coupling_forward_cuda(std::ptrdiff_t rows, int columns, ConstView x, const LogScale& scale,
                             ConstView b, View z, double* row_log_det, Stream stream);

void coupling_inverse_cpu(std::ptrdiff_t rows, int columns, ConstView z, const LogScale& scale,
                          ConstView b, View x);
Status coupling_inverse_cuda(std::ptrdiff_t rows, int columns, ConstView z, const LogScale& scale,
                             ConstView b, View x, Stream stream);

// *total = the sum of row_log_det[0..rows), in an order that rows alone decides (cpu: one by one)
void log_det_total_cpu(std::ptrdiff_t rows, const double* row_log_det, double* total);
Status log_det_total_cuda(std::ptrdiff_t rows, const double* row_log_det, double* total,
                          Stream stream);

}  // namespace fluvox::kernels
