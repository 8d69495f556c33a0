// A table of numbers shown as colours, one number a pixel.
#pragma once

#include <cstddef>
#include <limits>
#include <vector>

#include "report/axes.h"

namespace fluvox::report {

struct Raster {
  Raster(int wide, int high)
      : columns(wide),
        rows(high),
        values(static_cast<size_t>(wide) * static_cast<size_t>(high),
               std::numeric_limits<float>::quiet_NaN()) {}

  float& at(int column, int row) { return values[index(column, row)]; }
  float at(int column, int row) const { return values[index(column, row)]; }

  int columns, rows;
  std::vector<float> values;  // [rows][columns], row 0 at the top; NaN where there is nothing

 private:
  size_t index(int column, int row) const {
    return static_cast<size_t>(row) * static_cast<size_t>(columns) + static_cast<size_t>(column);
  }
};

// b - a, values below `floor` taken as the floor; nothing where either has nothing.
Raster difference(const Raster& a, const Raster& b, double floor);

// The colours of the range; pale grey where there is nothing.
Image paint(const Raster& raster, Interval range, ColorMap colors);

}  // namespace fluvox::report
