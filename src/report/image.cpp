#include "report/image.h"

#include "core/error.h"

namespace fluvox::report {

Image::Image(int columns, int rows, Color background) : width(columns), height(rows) {
  constexpr int kMost = 32768;
  if (columns < 1 || rows < 1 || columns > kMost || rows > kMost)
    throw Error(
        Fault::usage, "picture-size",
        text("a picture is 1 to ", kMost, " pixels wide and high, found ", columns, " x ", rows));
  rgb.reserve(3 * static_cast<size_t>(columns) * static_cast<size_t>(rows));
  for (size_t i = 0; i < static_cast<size_t>(columns) * static_cast<size_t>(rows); ++i)
    rgb.insert(rgb.end(), {background.red, background.green, background.blue});
}

}  // namespace fluvox::report
