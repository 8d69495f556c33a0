// A thread a number of the rows that spans name. For .cu files.
#pragma once

#include "kernels/device.h"
#include "kernels/span.h"

namespace fluvox::kernels {
namespace {

constexpr unsigned kRowThreads = 128;

// Where the thread's number stands; false: there is none.
struct Place {
  Span span;
  std::ptrdiff_t row;
  int column;

  __device__ bool find(const Span* spans, int span_count, int columns) {
    const std::ptrdiff_t index =
        std::ptrdiff_t{blockIdx.x} * kRowThreads + static_cast<std::ptrdiff_t>(threadIdx.x);
    column = static_cast<int>(index % columns);
    return find_tile(spans, span_count, 1, index / columns, &span, &row);
  }
};

inline LaunchShape shape_of_rows(const char* kernel, std::ptrdiff_t rows, int columns) {
  return {kernel, blocks_for(rows * columns, kRowThreads), kRowThreads};
}

}  // namespace
}  // namespace fluvox::kernels
