#include "report/raster.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace fluvox::report {

Raster difference(const Raster& a, const Raster& b, double floor) {
  if (a.columns != b.columns || a.rows != b.rows)
    throw Error(Fault::usage, "picture-size",
                text("the difference of ", a.columns, " x ", a.rows, " and ", b.columns, " x ",
                     b.rows, " values; expected equal sizes"));
  Raster result(a.columns, a.rows);
  const auto least = static_cast<float>(floor);
  for (size_t i = 0; i < result.values.size(); ++i)
    if (!std::isnan(a.values[i]) && !std::isnan(b.values[i]))
      result.values[i] = std::max(b.values[i], least) - std::max(a.values[i], least);
  return result;
}

Image paint(const Raster& raster, Interval range, ColorMap colors) {
  constexpr Color kNothing{238, 238, 238};
  Image picture(raster.columns, raster.rows, kNothing);
  for (int row = 0; row < raster.rows; ++row)
    for (int column = 0; column < raster.columns; ++column)
      if (const float value = raster.at(column, row); !std::isnan(value))
        picture.set(column, row, colors((value - range.least) / (range.most - range.least)));
  return picture;
}

}  // namespace fluvox::report
