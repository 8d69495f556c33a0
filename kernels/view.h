// A matrix of floats somewhere in memory: element (row, column) is data[row * row_stride + column *
// column_stride]. So a kernel can work on every second row or column, or on a part of the channels.
#pragma once

#include <cstddef>

#include "kernels/portable.h"

namespace fluvox::kernels {

struct View {
  float* data;
  std::ptrdiff_t row_stride;
  std::ptrdiff_t column_stride = 1;

  FLUVOX_HOST_DEVICE float& at(std::ptrdiff_t row, std::ptrdiff_t column) const {
    return data[row * row_stride + column * column_stride];
  }
};

struct ConstView {
  const float* data;
  std::ptrdiff_t row_stride;
  std::ptrdiff_t column_stride = 1;

  ConstView(const float* first, std::ptrdiff_t rows_apart, std::ptrdiff_t columns_apart = 1)
      : data(first), row_stride(rows_apart), column_stride(columns_apart) {}
  ConstView(const View& view)
      : data(view.data), row_stride(view.row_stride), column_stride(view.column_stride) {}

  FLUVOX_HOST_DEVICE float at(std::ptrdiff_t row, std::ptrdiff_t column) const {
    return data[row * row_stride + column * column_stride];
  }
};

}  // namespace fluvox::kernels
