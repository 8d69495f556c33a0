// Matrix products over segments on a GPU's tensor cores: what product.h is to a CPU.
//
//   y[t][o] = bias[o] + keep before[t][o] + sum over segments s, then over inputs i, of
//             x_s[t + offset_s][i] w_s[i][o]              t in the spans' rows, o in [0, outputs)
//   with relu: y <- max(y, 0), NaN staying NaN
//   rounded[t][o] = rounded_scale y[t][o], rounded to T
//
// Segments: mma_segments.h. bias, before, y and rounded may each be nullptr: zeros, or not asked
// for. T: Bf16, Half or float, of x, w and rounded; the rest is float32. A row's bits depend on
// nothing but that row. Against float64, the operands being what they are: within 1e-4 of 1 +
// |value|.
//
// outputs and the strides of before, y and rounded: even, and their rows aligned to 8 bytes.
// Aliasing: y may be before; nothing else may overlap.
#pragma once

#include <cstddef>

#include "kernels/mma_segments.h"
#include "kernels/status.h"

namespace fluvox::kernels {

template <class T>
struct MmaProduct {
  int outputs;
  MmaSegments<T> segments;
  const float* bias = nullptr;
  const float* before = nullptr;
  std::ptrdiff_t before_stride = 0;
  float keep = 1;
  float* y = nullptr;
  std::ptrdiff_t y_stride = 0;
  T* rounded = nullptr;
  std::ptrdiff_t rounded_stride = 0;
  float rounded_scale = 1;
  bool relu = false;
};

// In double. w [inputs of all segments][outputs], as the formula has it.
template <class T>
void mma_product_cpu(const MmaProduct<T>& product, const float* w, const Span* spans,
                     int span_count);

// w: each segment's by pack_mma (mma_weights.h). `spans` is on the device, with no more than `rows`
// rows to be made.
template <class T>
Status mma_product_cuda(const MmaProduct<T>& product, const T* w, const Span* spans, int span_count,
                        std::ptrdiff_t rows, Stream stream);

}  // namespace fluvox::kernels
