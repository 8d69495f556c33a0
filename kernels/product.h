// Matrix products over segments: every convolution and 1x1 of the runtime.
//
//   y[t][o] = bias[o] + sum over segments s, then over i in [0, inputs_s), of
//             x_s[t * stride_s + i] * w_s[i][o]              t in [0, rows), o in [0, outputs)
//
// A segment is a pointer into time-major rows, so a dilated convolution needs no copying: a kernel
// of three taps is three segments whose bases lie dilation rows apart in a zero-padded array; a 3x3
// convolution is nine; a condition is one more.
//
// The sum of every output runs in the order written above, from bias on, one fused multiply-add a
// term. So the bits depend neither on rows, tile, tail, thread nor instruction set: a caller may
// split the rows as it likes.
//
// Weights are packed once, by pack(): panels of 64 outputs, the last one rounded up to a multiple
// of 16 and filled with zeros; within a panel [input][output of the panel]. Align them to 64 bytes
// for speed; nothing else asks for alignment.
//
// float32. y must not overlap x, w or bias. No sizes but rows, inputs and segments may be 0.
#pragma once

#include <cstddef>

#include "kernels/isa.h"

namespace fluvox::kernels {

struct Segment {
  const float* x;         // the first row
  std::ptrdiff_t stride;  // from row to row; may be 0 or negative
  int inputs;
  const float* w;  // packed [inputs][outputs]
};

// floats that pack() writes
std::size_t packed_size(int inputs, int outputs);

// packed <- w, whose element (i, o) is w[i * input_stride + o * output_stride]: a matrix
// [inputs][outputs] has strides (outputs, 1); tap k of a convolution's weight
// [outputs][inputs][taps] begins at w + k and has strides (taps, inputs * taps).
void pack(const float* w, std::ptrdiff_t input_stride, std::ptrdiff_t output_stride, int inputs,
          int outputs, float* packed);

// bias: [outputs], or nullptr for zeros. y: [rows][outputs] with rows y_stride apart.
// Uses the instruction set isa().
void product_cpu(std::ptrdiff_t rows, int outputs, const float* bias, const Segment* segments,
                 int segment_count, float* y, std::ptrdiff_t y_stride);

}  // namespace fluvox::kernels
