// Rows of a series that comes in pieces: what has come and is still needed. A row keeps its place
// in the whole series, however much has been forgotten before it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "net/net_runtime.h"

namespace fluvox::net {

class Window {
 public:
  explicit Window(int columns = 0) : columns_(columns) {}

  int64_t first() const { return first_; }
  int64_t end() const { return first_ + rows_; }
  int columns() const { return columns_; }
  float* row(int64_t t) { return values_.data() + (gone_ + t - first_) * columns_; }
  const float* row(int64_t t) const { return values_.data() + (gone_ + t - first_) * columns_; }

  // `rows` rows of zeros at the end
  void grow(int64_t rows) {
    move_up();
    values_.resize(values_.size() + static_cast<size_t>(rows * columns_));
    rows_ += rows;
  }

  void append(const Grid& rows) {
    move_up();
    values_.insert(values_.end(), rows.values.begin(), rows.values.end());
    rows_ += rows.rows;
  }

  // Rows before t are needed no more.
  void forget(int64_t t) {
    const int64_t gone = std::clamp<int64_t>(t - first_, 0, rows_);
    gone_ += gone;
    rows_ -= gone;
    first_ += gone;
  }

  // A copy of rows [from, to).
  Grid rows(int64_t from, int64_t to) const {
    Grid part(static_cast<int>(to - from), columns_);
    std::copy_n(row(from), part.values.size(), part.values.begin());
    return part;
  }

 private:
  // What is there moves to the front once it is no more than what has been forgotten before it:
  // so a row moves once, however far behind the end it is still needed.
  void move_up() {
    if (gone_ < rows_) return;
    values_.erase(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(gone_) * columns_);
    gone_ = 0;
  }

  int columns_;
  int64_t first_ = 0, rows_ = 0;
  int64_t gone_ = 0;  // rows before `first` that still lie in `values`
  std::vector<float> values_;
};

}  // namespace fluvox::net
