#include <algorithm>
#include <cmath>
#include <iterator>

#include "core/error.h"
#include "report/layout.h"
#include "report/plot.h"

namespace fluvox::report {
namespace {

constexpr Color kColors[] = {{31, 96, 180},  {214, 92, 12}, {38, 138, 68}, {190, 40, 70},
                             {122, 82, 172}, {0, 140, 150}, {140, 96, 40}, {90, 90, 90}};
constexpr int kHeight = 460, kLegendRow = 28, kSample = 26;  // kSample: the line of a legend entry

bool shown(double x, double y) { return std::abs(x) < 1e300 && std::abs(y) < 1e300; }

// A little more than the values; some range about them when they are all one.
Interval around(double least, double most, double margin) {
  if (least > most) return {0, 1};
  if (most - least <= 1e-9 * std::max(std::abs(least), std::abs(most)) || most == least) {
    const double reach = std::max(std::abs(least), 1.0) * 0.1;
    return {least - reach, most + reach};
  }
  const double room = (most - least) * margin;
  return {least - room, most + room};
}

Plane plane_of(const std::vector<Series>& series) {
  double low_x = 1, high_x = 0, low_y = 1, high_y = 0;
  bool first = true;
  for (const Series& s : series)
    for (size_t i = 0; i < s.x.size(); ++i) {
      if (!shown(s.x[i], s.y[i])) continue;
      if (first) low_x = high_x = s.x[i], low_y = high_y = s.y[i];
      low_x = std::min(low_x, s.x[i]), high_x = std::max(high_x, s.x[i]);
      low_y = std::min(low_y, s.y[i]), high_y = std::max(high_y, s.y[i]);
      first = false;
    }
  return {{0, 0, kPictureWidth, kHeight}, around(low_x, high_x, 0), around(low_y, high_y, 0.05)};
}

// Points that fall into one pixel column are drawn as their first, lowest, highest and last, so a
// million of them cost what the columns cost and no spike is lost.
class Pen {
 public:
  Pen(Canvas& canvas, const Plane& plane, Color color)
      : canvas_(canvas), plane_(plane), color_(color) {}

  void point(double x, double y) {
    const double column = plane_.column(x), row = plane_.row(y);
    if (count_ > 0 && std::floor(column) == std::floor(last_.x)) {
      if (row < high_.y) high_ = {column, row};
      if (row > low_.y) low_ = {column, row};
      last_ = {column, row};
    } else {
      flush();
      if (count_ > 0) stroke(last_, {column, row});
      first_ = high_ = low_ = last_ = {column, row};
    }
    ++count_;
  }

  void lift() {
    flush();
    if (count_ == 1) canvas_.line(last_.x, last_.y, last_.x, last_.y, color_, 6, plane_.area);
    count_ = 0;
  }

 private:
  struct Point {
    double x, y;
  };
  void stroke(Point a, Point b) { canvas_.line(a.x, a.y, b.x, b.y, color_, 2, plane_.area); }
  void flush() {
    if (count_ == 0) return;
    stroke(first_, high_), stroke(high_, low_), stroke(low_, last_);
  }

  Canvas& canvas_;
  const Plane& plane_;
  Color color_;
  size_t count_ = 0;  // points since the pen came down
  Point first_{}, high_{}, low_{}, last_{};
};

// Where the names go: rows from left to right. A curve without a name has no entry.
struct Entry {
  size_t series;
  int x, row;
  std::string name;
};
std::vector<Entry> legend(const std::vector<Series>& series, Rect area) {
  std::vector<Entry> entries;
  int x = 0, row = 0;
  for (size_t i = 0; i < series.size(); ++i) {
    if (series[i].name.empty()) continue;
    const std::string name = fit_text(series[i].name, area.width - kSample - 8);
    const int width = kSample + 8 + text_width(name);
    if (x > 0 && x + width > area.width) x = 0, ++row;
    entries.push_back({i, area.x + x, row, name});
    x += width + 26;
  }
  return entries;
}

Color color_of(size_t series) { return kColors[series % std::size(kColors)]; }

void draw_curve(Canvas& canvas, const Plane& plane, const Series& series, Color color) {
  Pen pen(canvas, plane, color);
  for (size_t i = 0; i < series.x.size(); ++i) {
    if (shown(series.x[i], series.y[i])) {
      pen.point(series.x[i], series.y[i]);
    } else {
      pen.lift();
    }
  }
  pen.lift();
}

}  // namespace

Image plot_curves(const std::vector<Series>& series, const std::string& x_label,
                  const std::string& y_label, const std::string& title) {
  for (const Series& s : series)
    if (s.x.size() != s.y.size())
      throw Error(Fault::usage, "curve-size",
                  text("the curve '", s.name, "' has ", s.x.size(), " x and ", s.y.size(),
                       " y values; expected as many of both"));
  Plane plane = plane_of(series);
  align_panels({&plane}, kRightMargin);
  const std::vector<Entry> entries = legend(series, plane.area);
  const int legend_height = entries.empty() ? 0 : (entries.back().row + 1) * kLegendRow;
  plane.area.y = kTitleHeight + legend_height;
  const auto x = x_ticks(plane), y = y_ticks(plane);

  Canvas canvas(kPictureWidth, plane.area.bottom() + kXAxisHeight);
  Rect heading = plane.area;
  heading.y = kTitleHeight;
  draw_title(canvas, heading, title, "");
  draw_grid(canvas, plane, x, y, 0.3);
  for (const Entry& entry : entries) {
    const int top = kTitleHeight - 4 + entry.row * kLegendRow;
    canvas.fill({entry.x, top + kCapHeight / 2 - 1, kSample, 3}, color_of(entry.series));
    canvas.text(entry.x + kSample + 8, top, entry.name);
  }
  for (size_t i = 0; i < series.size(); ++i) draw_curve(canvas, plane, series[i], color_of(i));
  canvas.outline(plane.area, kBlack);
  draw_y_axis(canvas, plane, y, y_label);
  draw_x_axis(canvas, plane, x, x_label);
  return canvas.take();
}

}  // namespace fluvox::report
