// The gradient of a product's weights: sums over time of outer products, on tensor cores.
//
//   result[i][o]      = sum over the spans' rows t of x[t + offset][i] d[t][o]        i < inputs
//   result[inputs][o] = sum over the spans' rows t of d[t][o]                the bias's gradient
//
// x and d [rows][...], result [inputs + 1][outputs]. Rows of x outside of a span's [from, to) are
// zeros. The rows of a span are cut into slices of kOuterRows, each summed for itself into the
// workspace; then a slice after the other is added. So the bits depend on the spans alone.
// T: Bf16, Half or float; sums and result are float32. Against float64: within 1e-4 of
// 1 + the sum of absolute products, the operands being what they are.
// x, d and their strides: multiples of 16 bytes; inputs and outputs a multiple of 16 bytes too.
#pragma once

#include <cstddef>

#include "kernels/storage.h"
#include "kernels/span.h"
#include "kernels/status.h"

namespace fluvox::kernels {

constexpr int kOuterRows = 4096;

template <class T>
struct MmaOuter {
  const T* x;
  std::ptrdiff_t x_stride;
  int inputs;
  std::ptrdiff_t offset;
  const T* d;
  std::ptrdiff_t d_stride;
  int outputs;

  // Floats of workspace for so many rows in so many spans.
  std::size_t workspace(std::ptrdiff_t rows, int span_count) const {
    return static_cast<std::size_t>(most_tiles(rows, span_count, kOuterRows)) *
           static_cast<std::size_t>(inputs + 1) * static_cast<std::size_t>(outputs);
  }
};

// In double.
template <class T>
void mma_outer_cpu(const MmaOuter<T>& outer, const Span* spans, int span_count, float* result);

template <class T>
Status mma_outer_cuda(const MmaOuter<T>& outer, const Span* spans, int span_count,
                      std::ptrdiff_t rows, float* workspace, float* result, Stream stream);

}  // namespace fluvox::kernels
