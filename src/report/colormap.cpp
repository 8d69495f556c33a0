#include "report/colormap.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <numbers>

namespace fluvox::report {
namespace {

constexpr Color kUnknown{160, 160, 160};
constexpr int kSteps = 512;
using Table = std::array<Color, kSteps + 1>;

struct Linear {
  double red, green, blue;
};

// OKLab lightness, chroma and hue (degrees) to linear sRGB: the published inverse matrices.
Linear from_oklch(double lightness, double chroma, double hue) {
  const double angle = hue * std::numbers::pi / 180;
  const double a = chroma * std::cos(angle), b = chroma * std::sin(angle);
  const double l = std::pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3);
  const double m = std::pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3);
  const double s = std::pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3);
  return {4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
          -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
          -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s};
}

uint8_t encode(double linear) {
  const double v = std::clamp(linear, 0.0, 1.0);
  const double s = v <= 0.0031308 ? 12.92 * v : 1.055 * std::pow(v, 1 / 2.4) - 0.055;
  return static_cast<uint8_t>(std::lround(255 * s));
}

Color color_of(double lightness, double chroma, double hue) {
  const Linear c = from_oklch(lightness, chroma, hue);
  return {encode(c.red), encode(c.green), encode(c.blue)};
}

// Points of the path, evenly spaced in lightness, inside what a screen can show throughout.
struct Point {
  double chroma, hue;  // hue in degrees, running on past 360
};
constexpr Point kHeat[] = {{0.030, 275}, {0.088, 286}, {0.130, 302}, {0.162, 325},
                           {0.180, 350}, {0.188, 374}, {0.178, 396}, {0.158, 418},
                           {0.146, 438}, {0.130, 454}, {0.050, 464}};
constexpr int kLast = std::size(kHeat) - 1;

// Catmull-Rom: smooth through all four, between b and c.
double smooth(double a, double b, double c, double d, double t) {
  return b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

Color heat_at(double value) {
  const int i = std::min(static_cast<int>(value * kLast), kLast - 1);
  const Point &b = kHeat[i], &c = kHeat[i + 1];
  const Point &a = kHeat[std::max(i - 1, 0)], &d = kHeat[std::min(i + 2, kLast)];
  const double t = value * kLast - i;
  return color_of(0.12 + 0.86 * value, smooth(a.chroma, b.chroma, c.chroma, d.chroma, t),
                  smooth(a.hue, b.hue, c.hue, d.hue, t));
}

Color difference_at(double value) {
  const double size = std::abs(value);
  return color_of(0.99 - 0.54 * size, 0.155 * size, value < 0 ? 258 : 27);
}

Table tabulate(Color (*color)(double), double least, double most) {
  Table table;
  for (int i = 0; i <= kSteps; ++i)
    table[static_cast<size_t>(i)] = color(least + (most - least) * i / kSteps);
  return table;
}

Color look_up(const Table &table, double share) {
  if (std::isnan(share)) return kUnknown;
  return table[static_cast<size_t>(std::lround(std::clamp(share, 0.0, 1.0) * kSteps))];
}

}  // namespace

Color heat(double value) {
  static const Table table = tabulate(heat_at, 0, 1);
  return look_up(table, value);
}

Color difference_color(double value) {
  static const Table table = tabulate(difference_at, -1, 1);
  return look_up(table, value);
}

}  // namespace fluvox::report
