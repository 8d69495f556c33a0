#include "report/axes.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace fluvox::report {
namespace {

constexpr Color kGrid{128, 128, 128};
constexpr int kBarAt = 14, kBarWidth = 16;  // the colour scale's, right of the area
constexpr int kTick = 6;  // length of a tick mark, and the gap between it and its label

// The least of 1, 2, 5 times a power of ten with at most `at_most` multiples in the range.
double nice_step(Interval range, int at_most) {
  const double coarse = (range.most - range.least) / std::max(at_most, 1);
  double power = std::pow(10, std::floor(std::log10(coarse)));
  for (int i = 0; i < 2; ++i, power *= 10)
    for (const double digit : {1, 2, 5}) {
      const double step = digit * power;
      const double count =
          std::floor(range.most / step + 1e-9) - std::ceil(range.least / step - 1e-9) + 1;
      if (count <= at_most) return step;
    }
  return power;
}

std::vector<Tick> ticks_of(Interval range, int at_most) {
  const std::vector<double> values = nice_values(range, at_most);
  const double step = values.size() > 1 ? values[1] - values[0] : std::abs(values[0]);
  std::vector<Tick> ticks;
  for (const double value : values) ticks.push_back({value, tick_label(value, step)});
  return ticks;
}

}  // namespace

Interval finite_range(std::span<const float> values) {
  Interval range{0, 0};
  bool found = false;
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    range.least = found ? std::min<double>(range.least, value) : value;
    range.most = found ? std::max<double>(range.most, value) : value;
    found = true;
  }
  return range;
}

std::vector<double> nice_values(Interval range, int at_most) {
  const double span = range.most - range.least;
  // Two numbers too near for their digits to tell apart make no scale.
  const double size = std::max(std::abs(range.least), std::abs(range.most));
  if (!(std::isfinite(span) && span > size * 1e-12)) return {range.least};
  const double step = nice_step(range, at_most);
  const double first = std::ceil(range.least / step - 1e-9);
  const double last = std::floor(range.most / step + 1e-9);
  std::vector<double> values;
  for (double i = first; i <= last && values.size() < 1000; ++i) values.push_back(i * step);
  if (values.empty()) values.push_back(range.least);
  return values;
}

std::string tick_label(double value, double step) {
  if (std::abs(value) < step * 1e-6) value = 0;                            // and never "-0"
  const double last = step > 0 ? std::floor(std::log10(step) + 1e-6) : 0;  // the last digit's power
  char label[64];
  if (std::abs(value) < 1e7 && last >= -5) {
    std::snprintf(label, sizeof label, "%.*f", static_cast<int>(std::max(-last, 0.0)), value);
  } else {
    const double first = value != 0 ? std::floor(std::log10(std::abs(value)) + 1e-6) : last;
    std::snprintf(label, sizeof label, "%.*g",
                  static_cast<int>(std::clamp(first - last + 1, 1.0, 15.0)), value);
  }
  return label;
}

Unit time_unit(double seconds) {
  if (seconds < 0.2) return {1000, "ms"};
  if (seconds <= 180) return {1, "s"};
  if (seconds <= 3 * 3600) return {1.0 / 60, "min"};
  return {1.0 / 3600, "h"};
}

Unit frequency_unit(double hertz) { return hertz <= 2000 ? Unit{1, "Hz"} : Unit{0.001, "kHz"}; }

std::vector<Tick> x_ticks(const Plane& plane) {
  for (int at_most = std::max(2, plane.area.width / 80); at_most > 1; --at_most) {
    std::vector<Tick> ticks = ticks_of(plane.x, at_most);
    if (ticks.size() < 2) return ticks;
    const double apart = plane.column(ticks[1].at) - plane.column(ticks[0].at);
    if (widest(ticks) + 16 <= apart) return ticks;
  }
  return ticks_of(plane.x, 1);
}

std::vector<Tick> y_ticks(const Plane& plane) {
  return ticks_of(plane.y, std::max(2, plane.area.height / 36));
}

int widest(const std::vector<Tick>& ticks) {
  int width = 0;
  for (const Tick& tick : ticks) width = std::max(width, text_width(tick.label));
  return width;
}

void draw_grid(Canvas& canvas, const Plane& plane, const std::vector<Tick>& x,
               const std::vector<Tick>& y, double share) {
  const Rect& area = plane.area;
  for (const Tick& tick : x) {
    const int column = static_cast<int>(std::lround(plane.column(tick.at)));
    if (column > area.x && column < area.right() - 1)
      canvas.fill({column, area.y, 1, area.height}, kGrid, share);
  }
  for (const Tick& tick : y) {
    const int row = static_cast<int>(std::lround(plane.row(tick.at)));
    if (row > area.y && row < area.bottom() - 1)
      canvas.fill({area.x, row, area.width, 1}, kGrid, share);
  }
}

void draw_x_axis(Canvas& canvas, const Plane& plane, const std::vector<Tick>& ticks,
                 std::string_view label) {
  const Rect& area = plane.area;
  for (const Tick& tick : ticks) {
    const int column = static_cast<int>(std::lround(plane.column(tick.at)));
    canvas.fill({column, area.bottom() + 1, 1, kTick}, kBlack);
    canvas.text(column + 1, area.bottom() + 2 * kTick, tick.label, kBlack, Align::center);
  }
  canvas.text(area.x + area.width / 2, area.bottom() + 2 * kTick + kCapHeight + 10,
              fit_text(label, area.width), kBlack, Align::center);
}

int y_axis_width(const std::vector<Tick>& ticks) { return 44 + widest(ticks) + 2 * kTick; }

void draw_y_axis(Canvas& canvas, const Plane& plane, const std::vector<Tick>& ticks,
                 std::string_view label) {
  const Rect& area = plane.area;
  for (const Tick& tick : ticks) {
    const int row = static_cast<int>(std::lround(plane.row(tick.at)));
    canvas.fill({area.x - 1 - kTick, row, kTick, 1}, kBlack);
    canvas.text(area.x - 2 * kTick, row - kCapHeight / 2, tick.label, kBlack, Align::right);
  }
  canvas.vertical_text(14, area.y + area.height / 2, fit_text(label, area.height + 20), kBlack,
                       Align::center);
}

int color_scale_width(Interval range, int height) {
  return kBarAt + kBarWidth + 8 + widest(y_ticks({{0, 0, 1, height}, {0, 1}, range})) + 6 +
         kTextHeight + 8;
}

void draw_color_scale(Canvas& canvas, Rect area, Interval range, ColorMap colors,
                      std::string_view label) {
  const Plane bar{{area.right() + kBarAt, area.y, kBarWidth, area.height}, {0, 1}, range};
  for (int row = 0; row < bar.area.height; ++row)
    canvas.fill({bar.area.x, bar.area.bottom() - 1 - row, bar.area.width, 1},
                colors((row + 0.5) / bar.area.height));
  canvas.outline(bar.area, kBlack);
  const std::vector<Tick> ticks = y_ticks(bar);
  for (const Tick& tick : ticks) {
    const int row = static_cast<int>(std::lround(bar.row(tick.at)));
    canvas.fill({bar.area.right() + 1, row, 4, 1}, kBlack);
    canvas.text(bar.area.right() + 8, row - kCapHeight / 2, tick.label);
  }
  canvas.vertical_text(bar.area.right() + 8 + widest(ticks) + 6, area.y + area.height / 2,
                       fit_text(label, area.height), kBlack, Align::center);
}

}  // namespace fluvox::report
