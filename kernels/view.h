// A matrix somewhere in memory: element (row, column) is data[row * row_stride + column *
// column_stride]. So a kernel can work on every second row or column, or on a part of the channels.
#pragma once

#include <cstddef>

#include "kernels/portable.h"

namespace fluvox::kernels {

template <class T>
struct ViewOf {
  T* data;
  std::ptrdiff_t row_stride;
  std::ptrdiff_t column_stride = 1;

  FLUVOX_HOST_DEVICE T& at(std::ptrdiff_t row, std::ptrdiff_t column) const {
    return data[row * row_stride + column * column_stride];
  }
};

template <class T>
struct ConstViewOf {
  const T* data;
  std::ptrdiff_t row_stride;
  std::ptrdiff_t column_stride = 1;

  ConstViewOf(const T* first, std::ptrdiff_t rows_apart, std::ptrdiff_t columns_apart = 1)
      : data(first), row_stride(rows_apart), column_stride(columns_apart) {}
  ConstViewOf(const ViewOf<T>& view)
      : data(view.data), row_stride(view.row_stride), column_stride(view.column_stride) {}

  FLUVOX_HOST_DEVICE const T& at(std::ptrdiff_t row, std::ptrdiff_t column) const {
    return data[row * row_stride + column * column_stride];
  }
};

using View = ViewOf<float>;
using ConstView = ConstViewOf<float>;

// As many matrices of one shape, item_stride apart. Without data: nothing is there.
template <class T>
struct Batch {
  T* data = nullptr;
  std::ptrdiff_t item_stride = 0;
  std::ptrdiff_t row_stride = 0;
  std::ptrdiff_t column_stride = 1;

  FLUVOX_HOST_DEVICE T& at(std::ptrdiff_t item, std::ptrdiff_t row, std::ptrdiff_t column) const {
    return data[item * item_stride + row * row_stride + column * column_stride];
  }
  // the same, to be read alone
  FLUVOX_HOST_DEVICE Batch<const T> constant() const {
    return {data, item_stride, row_stride, column_stride};
  }
};

}  // namespace fluvox::kernels
