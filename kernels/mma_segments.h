// The rows that a product on tensor cores adds up: segments as in product.h, in rows of spans.
//
//   sum over segments s, then over inputs i, of x_s[t + offset_s][i] w_s[i][.]
//
// Rows outside of a span's [from, to) are zeros. x_s and its stride: multiples of 16 bytes, its
// inputs too (fill the rows up with zeros). The packed w_s stand one after the other.
#pragma once

#include <cstddef>

#include "kernels/mma_weights.h"
#include "kernels/span.h"

namespace fluvox::kernels {

template <class T>
struct MmaSegment {
  const T* x;             // row 0
  std::ptrdiff_t stride;  // from row to row
  int inputs;
  std::ptrdiff_t offset = 0;  // in rows
};

constexpr int kMaxSegments = 12;

template <class T>
struct MmaSegments {
  int count = 0;
  MmaSegment<T> at[kMaxSegments];

  FLUVOX_HOST_DEVICE int chunks() const {
    int sum = 0;
    for (int s = 0; s < count; ++s) sum += chunks_of<T>(at[s].inputs);
    return sum;
  }
  void add(const T* x, std::ptrdiff_t stride, int inputs, std::ptrdiff_t offset = 0) {
    at[count++] = {x, stride, inputs, offset};
  }
};

}  // namespace fluvox::kernels
