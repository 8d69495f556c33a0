// As product.h, with bfloat16 inputs and weights and float32 sums.
//
//   y[t][o] = bias[o] + sum over segments s, then over pairs of inputs (2 j, 2 j + 1) of s:
//             sum <- fma(x[2 j + 1], w[2 j + 1], sum), then sum <- fma(x[2 j], w[2 j], sum)
//
// each fma rounded once, to nearest even, and everything smaller than 2^-126 zero, going in and
// coming out. That is what VDPBF16PS does (Intel's definition; Sapphire Rapids was found to keep to
// it on 25 million random terms, underflow included), so it is what the other instruction sets do:
// all of them have equal bits, those without VDPBF16PS at half the speed of product.h.
//
// All but one: Isa::amx, whose TDPBF16PS has an order of its own. It takes 32 inputs at once, from
// the segment's first one on, the last block filled up with zeros:
//   even = sum of x[2 j] w[2 j], odd = sum of x[2 j + 1] w[2 j + 1]     from 0, j upward, by fma
//   sum <- sum + (even + odd)
// Its bits are also those of the element alone: they depend on neither rows, tile nor tail.
//
// Weights: as in product.h panels of 64 outputs, the last one rounded up to 16, but [pair][output
// of the panel][2], and the inputs of each segment are rounded up to a multiple of 32 with zeros.
//
// For speed align weights, and for amx the rows of x and y too, to 64 bytes: tiles are then read
// twice as fast. A segment whose inputs are no multiple of 32 costs amx a copy of its last block,
// unless that much of a row is `readable`: the packed weights of what follows the inputs are zeros.
//
// Rows of x need an even address only; the inputs of a segment must be even (add a zero input where
// they are not). No sizes but rows, inputs and segments may be 0. y must not overlap the rest.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/isa.h"
#include "kernels/storage.h"

namespace fluvox::kernels {

struct SegmentBf16 {
  const Bf16* x;          // the first row
  std::ptrdiff_t stride;  // from row to row; may be 0 or negative
  int inputs;             // even
  const Bf16* w;          // packed [inputs][outputs]
  int readable = 0;       // numbers of a row that may be read, what follows the inputs being finite
};

// to <- from, to nearest even. NaN stays NaN, and what is smaller than 2^-126 becomes zero.
void to_bf16_cpu(std::ptrdiff_t count, const float* from, Bf16* to);

// elements that pack_bf16() writes
std::size_t packed_size_bf16(int inputs, int outputs);

// packed <- w, rounded as to_bf16_cpu does; strides as of pack().
void pack_bf16(const float* w, std::ptrdiff_t input_stride, std::ptrdiff_t output_stride,
               int inputs, int outputs, Bf16* packed);

// bias: [outputs] or nullptr for zeros. y: [rows][outputs] with rows y_stride apart.
void product_bf16_cpu(std::ptrdiff_t rows, int outputs, const float* bias,
                      const SegmentBf16* segments, int segment_count, float* y,
                      std::ptrdiff_t y_stride);

}  // namespace fluvox::kernels
