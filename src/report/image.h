// An RGB picture in memory, 8 bits a channel, rows from the top.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fluvox::report {

struct Color {
  uint8_t red = 0, green = 0, blue = 0;
  bool operator==(const Color&) const = default;
};

constexpr Color kWhite{255, 255, 255};
constexpr Color kBlack{0, 0, 0};

struct Rect {
  int x = 0, y = 0, width = 0, height = 0;
  int right() const { return x + width; }    // one past the last column
  int bottom() const { return y + height; }  // one past the last row
  bool contains(int px, int py) const {
    return px >= x && px < right() && py >= y && py < bottom();
  }
};

struct Image {
  Image(int columns, int rows, Color background = kWhite);

  Color at(int x, int y) const {
    const uint8_t* p = &rgb[offset(x, y)];
    return {p[0], p[1], p[2]};
  }
  void set(int x, int y, Color color) {
    uint8_t* p = &rgb[offset(x, y)];
    p[0] = color.red, p[1] = color.green, p[2] = color.blue;
  }
  size_t offset(int x, int y) const {
    return 3 * (static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x));
  }

  int width, height;
  std::vector<uint8_t> rgb;  // [height][width][3]
};

}  // namespace fluvox::report
