// The rows of a grid that a convolution, causal over rows and 'same' over columns, looks back at:
// the last (kernel - 1) row_dilation + 1 of its input, with zero columns on both sides. Before the
// first row stand zeros.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "net/packed.h"

namespace fluvox::net {

class RowRing {
 public:
  RowRing(int kernel, int columns, int channels, int64_t column_dilation, int row_dilation = 1)
      : kernel_(kernel),
        channels_(channels),
        rows_((kernel - 1) * row_dilation + 1),
        column_dilation_(column_dilation),
        row_dilation_(row_dilation) {
    // A tap further out than the row is wide meets zeros alone: moved nearer it meets the same.
    pad_ = std::min(column_dilation * ((kernel - 1) / 2), int64_t{columns});
    row_size_ = static_cast<size_t>(columns + 2 * pad_) * static_cast<size_t>(channels);
    values_.resize(row_size_ * static_cast<size_t>(rows_));
  }

  // Row r of the grid; the rows before the newest one, as far back as the convolution looks
  float* row(int r) {
    const auto slot = static_cast<size_t>((r + rows_) % rows_);
    return values_.data() + slot * row_size_ + pad_ * channels_;
  }

  // The convolution at row r, from column `first` on: a term for each tap
  std::vector<kernels::Segment> terms(const PackedConv& conv, int r, int first = 0) {
    std::vector<kernels::Segment> segments;
    for (int i = 0; i < kernel_; ++i)
      for (int j = 0; j < kernel_; ++j) {
        const int64_t offset = (j - (kernel_ - 1) / 2) * column_dilation_;
        const float* x = row(r - (kernel_ - 1 - i) * row_dilation_) +
                         (first + std::clamp(offset, -pad_, pad_)) * channels_;
        segments.push_back(conv.taps[static_cast<size_t>(i * kernel_ + j)].times(x, channels_));
      }
    return segments;
  }

 private:
  int kernel_, channels_, rows_;
  int64_t column_dilation_;
  int row_dilation_;
  int64_t pad_;
  size_t row_size_;
  std::vector<float> values_;
};

}  // namespace fluvox::net
