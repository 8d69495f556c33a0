// Rows of a series that comes in pieces: what has come and is still needed. A row keeps its place
// in the whole series, however much has been forgotten before it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "net/net_runtime.h"

namespace fluvox::net {

class Window {
 public:
  explicit Window(int columns = 0) { grid_.columns = columns; }

  int64_t first() const { return first_; }
  int64_t end() const { return first_ + grid_.rows; }
  int columns() const { return grid_.columns; }
  float* row(int64_t t) { return grid_.row(static_cast<int>(t - first_)); }
  const float* row(int64_t t) const { return grid_.row(static_cast<int>(t - first_)); }

  // `rows` rows of zeros at the end
  void grow(int64_t rows) {
    grid_.rows += static_cast<int>(rows);
    grid_.values.resize(static_cast<size_t>(grid_.rows) * grid_.columns);
  }

  void append(const Grid& rows) {
    grid_.rows += rows.rows;
    grid_.values.insert(grid_.values.end(), rows.values.begin(), rows.values.end());
  }

  // Rows before t are needed no more.
  void forget(int64_t t) {
    const auto gone = static_cast<int>(std::clamp<int64_t>(t - first_, 0, grid_.rows));
    grid_.values.erase(grid_.values.begin(),
                       grid_.values.begin() + static_cast<std::ptrdiff_t>(gone) * grid_.columns);
    grid_.rows -= gone;
    first_ += gone;
  }

  // A copy of rows [from, to).
  Grid rows(int64_t from, int64_t to) const {
    Grid part(static_cast<int>(to - from), grid_.columns);
    std::copy_n(row(from), part.values.size(), part.values.begin());
    return part;
  }

 private:
  int64_t first_ = 0;
  Grid grid_;
};

}  // namespace fluvox::net
