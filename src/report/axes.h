// From numbers to pixels and back to numbers: ticks at round values, their labels, grids, and the
// scale beside a picture in colours. Ranges are in the unit that is shown (s or min, Hz or kHz).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/canvas.h"
#include "report/colormap.h"

namespace fluvox::report {

struct Interval {
  double least = 0, most = 1;
};

// From the least to the greatest finite number; 0..0 when there is none.
Interval finite_range(std::span<const float> values);

struct Tick {
  double at = 0;
  std::string label;
};

// The multiples of 1, 2 or 5 times a power of ten within the range, as many as `at_most` allows.
std::vector<double> nice_values(Interval range, int at_most);

// A value of that series with just the decimals that the step between two needs.
std::string tick_label(double value, double step);

// What the numbers along an axis are multiplied by, and what they are then called.
struct Unit {
  double scale;
  std::string name;
};
Unit time_unit(double seconds);     // ms, s, min or h for a duration
Unit frequency_unit(double hertz);  // Hz or kHz for the highest frequency

// A rectangle of pixels and the ranges it shows; y grows upwards.
struct Plane {
  Rect area;
  Interval x, y;

  // In pixel centres: the range is divided evenly among the pixels of the area.
  double column(double value) const {
    return area.x - 0.5 + area.width * (value - x.least) / (x.most - x.least);
  }
  double row(double value) const {
    return area.bottom() - 0.5 - area.height * (value - y.least) / (y.most - y.least);
  }
};

// Ticks whose labels have room: they never touch.
std::vector<Tick> x_ticks(const Plane& plane);
std::vector<Tick> y_ticks(const Plane& plane);

int widest(const std::vector<Tick>& ticks);

// Thin lines through the ticks; on a picture in colours a fainter share is enough.
void draw_grid(Canvas& canvas, const Plane& plane, const std::vector<Tick>& x,
               const std::vector<Tick>& y, double share);

// The frame's ticks and numbers, and the label below or to the left of them.
constexpr int kXAxisHeight = 62;  // that draw_x_axis takes below the area
void draw_x_axis(Canvas& canvas, const Plane& plane, const std::vector<Tick>& ticks,
                 std::string_view label);
int y_axis_width(const std::vector<Tick>& ticks);  // that draw_y_axis takes left of the area
void draw_y_axis(Canvas& canvas, const Plane& plane, const std::vector<Tick>& ticks,
                 std::string_view label);

// A bar of the colours, least below, with numbers, to the right of the area.
int color_scale_width(Interval range, int height);  // that it takes
void draw_color_scale(Canvas& canvas, Rect area, Interval range, ColorMap colors,
                      std::string_view label);

}  // namespace fluvox::report
