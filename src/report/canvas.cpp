#include "report/canvas.h"

#include <algorithm>
#include <cmath>

namespace fluvox::report {
namespace {

Rect overlap(Rect a, Rect b) {
  const int x = std::max(a.x, b.x), y = std::max(a.y, b.y);
  return {x, y, std::max(0, std::min(a.right(), b.right()) - x),
          std::max(0, std::min(a.bottom(), b.bottom()) - y)};
}

int start_of(int at, int length, Align align) {
  return align == Align::left ? at : align == Align::center ? at - length / 2 : at - length;
}

}  // namespace

void Canvas::blend(int x, int y, Color color, double share) {
  if (!bounds().contains(x, y)) return;
  const Color below = image_.at(x, y);
  const auto mix = [share](uint8_t from, uint8_t to) {
    return static_cast<uint8_t>(std::lround(from + (to - from) * share));
  };
  image_.set(
      x, y,
      {mix(below.red, color.red), mix(below.green, color.green), mix(below.blue, color.blue)});
}

void Canvas::fill(Rect rect, Color color, double share) {
  const Rect seen = overlap(rect, bounds());
  for (int y = seen.y; y < seen.bottom(); ++y)
    for (int x = seen.x; x < seen.right(); ++x) blend(x, y, color, share);
}

void Canvas::outline(Rect rect, Color color) {
  fill({rect.x - 1, rect.y - 1, rect.width + 2, 1}, color);
  fill({rect.x - 1, rect.bottom(), rect.width + 2, 1}, color);
  fill({rect.x - 1, rect.y, 1, rect.height}, color);
  fill({rect.right(), rect.y, 1, rect.height}, color);
}

void Canvas::line(double x0, double y0, double x1, double y1, Color color, double thickness,
                  Rect clip) {
  if (!std::isfinite(x0 + y0 + x1 + y1)) return;
  const Rect seen = overlap(clip, bounds());
  const double dx = x1 - x0, dy = y1 - y0, length = std::hypot(dx, dy);
  const double half = thickness / 2, reach = half + 1;
  const auto column = [&](double x) { return static_cast<int>(std::clamp(x, -1e6, 1e6)); };
  // Coverage falls from 1 to 0 over the pixel at the edge, by the distance from the segment. For a
  // column only the rows near the segment are visited, so a long line costs what it covers.
  for (int x = std::max(seen.x, column(std::floor(std::min(x0, x1) - reach)));
       x < std::min(seen.right(), column(std::ceil(std::max(x0, x1) + reach)) + 1); ++x) {
    double top = std::min(y0, y1), bottom = std::max(y0, y1);
    if (dx != 0) {
      const double from = std::clamp((x - reach - x0) / dx, 0.0, 1.0);
      const double to = std::clamp((x + reach - x0) / dx, 0.0, 1.0);
      top = std::min(y0 + from * dy, y0 + to * dy);
      bottom = std::max(y0 + from * dy, y0 + to * dy);
    }
    for (int y = std::max(seen.y, column(std::floor(top - reach)));
         y < std::min(seen.bottom(), column(std::ceil(bottom + reach)) + 1); ++y) {
      const double along =
          length > 0 ? std::clamp(((x - x0) * dx + (y - y0) * dy) / (length * length), 0.0, 1.0)
                     : 0.0;
      const double away = std::hypot(x - x0 - along * dx, y - y0 - along * dy);
      const double cover = std::clamp(half + 0.5 - away, 0.0, 1.0) * std::min(1.0, thickness);
      if (cover > 0) blend(x, y, color, cover);
    }
  }
}

void Canvas::blit(const Image& picture, int x, int y, Rect clip) {
  const Rect seen = overlap(overlap(clip, bounds()), {x, y, picture.width, picture.height});
  for (int row = seen.y; row < seen.bottom(); ++row)
    for (int column = seen.x; column < seen.right(); ++column)
      image_.set(column, row, picture.at(column - x, row - y));
}

void Canvas::text(int x, int y, std::string_view line, Color color, Align align, Weight weight) {
  const TextMask mask = render_text(line, weight);
  const int left = start_of(x, mask.width, align);
  for (int row = 0; row < mask.height; ++row)
    for (int column = 0; column < mask.width; ++column)
      if (const uint8_t ink = mask.at(column, row))
        blend(left + column, y + row, color, ink / 255.0);
}

void Canvas::vertical_text(int x, int y, std::string_view line, Color color, Align align) {
  const TextMask mask = render_text(line);
  // Upwards: the first letter lies lowest.
  const int bottom = align == Align::left     ? y
                     : align == Align::center ? y + mask.width / 2
                                              : y + mask.width;
  for (int row = 0; row < mask.height; ++row)
    for (int column = 0; column < mask.width; ++column)
      if (const uint8_t ink = mask.at(column, row))
        blend(x + row, bottom - 1 - column, color, ink / 255.0);
}

}  // namespace fluvox::report
