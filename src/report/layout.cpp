#include "report/layout.h"

#include <algorithm>
#include <cstdio>

namespace fluvox::report {

void align_panels(std::initializer_list<Plane*> panels, int right) {
  int left = 0;
  for (const Plane* plane : panels) {
    const int half_number = widest(x_ticks(*plane)) / 2 + 10;  // of the first and the last number
    left = std::max({left, y_axis_width(y_ticks(*plane)), half_number});
    right = std::max(right, half_number);
  }
  for (Plane* plane : panels) {
    plane->area.x = left;
    plane->area.width = kPictureWidth - left - right;
  }
}

void draw_title(Canvas& canvas, Rect area, const std::string& title, const std::string& details) {
  constexpr Color kQuiet{105, 105, 105};
  const int y = area.y - kCapHeight - 12;
  const std::string shown = fit_text(details, area.width / 2);
  canvas.text(area.right(), y, shown, kQuiet, Align::right);
  const int room = area.width - text_width(shown) - 24;
  canvas.text(area.x, y, fit_text(title, room), kBlack, Align::left, Weight::bold);
}

void draw_colors(Canvas& canvas, const Plane& plane, const Raster& raster, Interval range,
                 ColorMap colors, const std::string& scale_label, const std::vector<Tick>& x,
                 const std::vector<Tick>& y) {
  canvas.blit(paint(raster, range, colors), plane.area.x, plane.area.y, plane.area);
  draw_grid(canvas, plane, x, y, 0.25);
  canvas.outline(plane.area, kBlack);
  draw_color_scale(canvas, plane.area, range, colors, scale_label);
}

std::string fixed(double value, int decimals) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, std::abs(value) < 1e9 ? "%.*f" : "%.*g", decimals, value);
  return buffer;
}

std::string duration(double seconds) {
  const Unit unit = time_unit(seconds);
  return fixed(seconds * unit.scale, 2) + " " + unit.name;
}

}  // namespace fluvox::report
