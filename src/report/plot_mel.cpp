#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <numeric>

#include "core/error.h"
#include "mel/filterbank.h"
#include "report/layout.h"
#include "report/plot.h"

namespace fluvox::report {
namespace {

// Where a frequency lies among the bands, in bands from the lower edge of the first; negative
// outside of their centres.
double place_of(double hertz, const std::vector<double>& centres) {
  const auto above = std::lower_bound(centres.begin(), centres.end(), hertz);
  if (above == centres.begin() || above == centres.end()) return -1;
  return static_cast<double>(above - centres.begin()) - 0.5 +
         (hertz - above[-1]) / (above[0] - above[-1]);
}

// Round frequencies, the roundest first, as many as have room.
std::vector<Tick> band_ticks(const std::vector<double>& centres, const Plane& plane) {
  const Unit unit = frequency_unit(centres.back());
  std::vector<Tick> ticks;
  for (const double digit : {1, 5, 2, 3, 4, 7, 6, 8})
    for (double power = unit.scale < 1 ? 100 : 1; power <= 1e6; power *= 10) {
      const double at = place_of(digit * power, centres);
      const auto near = [&](const Tick& tick) {
        return std::abs(plane.row(tick.at) - plane.row(at)) < kTextHeight + 6;
      };
      if (at < 0 || std::any_of(ticks.begin(), ticks.end(), near)) continue;
      ticks.push_back({at, tick_label(digit * power * unit.scale, power * unit.scale)});
    }
  return ticks;
}

// Each column the mean of its frames, or the one frame that covers it; `frames` share the width,
// and what lies past the mel's own stays empty.
Raster raster_of(const mel::Mel& mel, int frames, const Rect& area) {
  Raster raster(area.width, area.height);
  for (int column = 0; column < area.width; ++column) {
    const auto place = [&](int x) {
      return static_cast<int>(static_cast<int64_t>(x) * frames / area.width);
    };
    const int first = place(column),
              last = std::min(mel.frames, std::max(first + 1, place(column + 1)));
    for (int row = 0; row < area.height && first < last; ++row) {
      const int band = (area.height - 1 - row) * mel.bands / area.height;
      double sum = 0;
      for (int frame = first; frame < last; ++frame)
        sum += mel.frame(frame)[static_cast<size_t>(band)];
      raster.at(column, row) = static_cast<float>(sum / (last - first));
    }
  }
  return raster;
}

// A range of some width for any that is found.
Interval widened(Interval range) {
  if (range.most - range.least <= 1e-6 * std::abs(range.most))
    range.most = range.least + std::max(1.0, std::abs(range.least));
  return range;
}

void check(const mel::Mel& mel, const mel::Convention& convention) {
  if (mel.frames < 1 || mel.bands < 1)
    throw Error(Fault::input, "mel-empty", "the mel holds no frames, so there is no picture");
  if (mel.bands != convention.bands)
    throw Error(Fault::input, "mel-bands",
                text("expected a mel of ", convention.bands, " bands, as the convention '",
                     convention.name, "' has, found ", mel.bands));
  if (mel.values.size() != static_cast<size_t>(mel.frames) * static_cast<size_t>(mel.bands))
    throw Error(
        Fault::input, "mel-size",
        text("expected ", mel.frames, " x ", mel.bands, " mel values, found ", mel.values.size()));
}

// The axes of a mel picture, at this height of the page; its columns are not placed yet.
struct MelAxes {
  MelAxes(const mel::Convention& c, int frames, int height)
      : centres(mel::band_centres(c)),
        seconds(static_cast<double>(frames) * c.hop / c.sample_rate),
        time(time_unit(seconds)),
        // Every band gets the same number of rows.
        plane{{0, kTitleHeight, kPictureWidth, c.bands * std::max(1, height / c.bands)},
              {0, seconds * time.scale},
              {0, static_cast<double>(c.bands)}},
        frequencies(band_ticks(centres, plane)) {}

  // Places it between the numbers of its axis and a colour scale of this width.
  void fit(int right) {
    plane.area.x = y_axis_width(frequencies);
    plane.area.width = kPictureWidth - plane.area.x - right;
    times = x_ticks(plane);
  }
  std::string time_label() const { return "time (" + time.name + ")"; }
  std::string frequency_label() const {
    return "band centre (" + frequency_unit(centres.back()).name + ")";
  }

  std::vector<double> centres;
  double seconds;
  Unit time;
  Plane plane;
  std::vector<Tick> frequencies, times;
};

bool is_scaled(const mel::Convention& c) { return c.gain != 1 || c.offset != 0 || !c.mean.empty(); }

std::string unit_of(const mel::Convention& c) {
  return text(c.log == "db" ? "dB" : c.log, " ", c.quantity, is_scaled(c) ? ", scaled" : "");
}

std::string facts(const mel::Mel& mel, const mel::Convention& c) {
  return text(c.name, ", ", mel.bands, " bands x ", mel.frames, " frames");
}

// What a factor of ten in amplitude is in the values of the convention.
double factor_of_ten(const mel::Convention& c) {
  double deviation = 1;
  if (!c.deviation.empty())
    deviation = std::accumulate(c.deviation.begin(), c.deviation.end(), 0.0) /
                static_cast<double>(c.deviation.size());
  const double power = c.quantity == "power" ? 2 : 1;
  return power * mel::log_scale(c) * std::numbers::ln10 / deviation;
}

double mean_distance(const mel::Mel& a, const mel::Mel& b) {
  const size_t count = std::min(a.values.size(), b.values.size());
  double sum = 0;
  for (size_t i = 0; i < count; ++i)
    sum += std::abs(static_cast<double>(a.values[i]) - static_cast<double>(b.values[i]));
  return sum / static_cast<double>(count);
}

}  // namespace

Image plot_mel(const mel::Mel& mel, const mel::Convention& convention, const std::string& title) {
  check(mel, convention);
  const Interval range = widened(finite_range(mel.values));
  MelAxes axes(convention, mel.frames, 400);
  axes.fit(color_scale_width(range, axes.plane.area.height));
  const Plane& plane = axes.plane;

  Canvas canvas(kPictureWidth, plane.area.bottom() + kXAxisHeight);
  draw_title(canvas, plane.area, title, facts(mel, convention));
  draw_colors(canvas, plane, raster_of(mel, mel.frames, plane.area), range, heat,
              unit_of(convention), axes.times, axes.frequencies);
  draw_y_axis(canvas, plane, axes.frequencies, axes.frequency_label());
  draw_x_axis(canvas, plane, axes.times, axes.time_label());
  return canvas.take();
}

Image plot_mels_compared(const mel::Mel& a, const mel::Mel& b, const mel::Convention& convention,
                         const std::string& title_a, const std::string& title_b) {
  check(a, convention);
  check(b, convention);
  const Interval of_a = finite_range(a.values), of_b = finite_range(b.values);
  const Interval range =
      widened({std::min(of_a.least, of_b.least), std::max(of_a.most, of_b.most)});
  const double reach = factor_of_ten(convention);
  const Interval reaches{-reach, reach};
  const int frames = std::max(a.frames, b.frames);
  MelAxes axes(convention, frames, 260);
  axes.fit(std::max(color_scale_width(range, axes.plane.area.height),
                    color_scale_width(reaches, axes.plane.area.height)));
  Plane first = axes.plane, second = first, third = first;
  second.area.y = first.area.bottom() + kTitleHeight;
  third.area.y = second.area.bottom() + kTitleHeight;
  const Raster raster_a = raster_of(a, frames, first.area),
               raster_b = raster_of(b, frames, first.area);

  Canvas canvas(kPictureWidth, third.area.bottom() + kXAxisHeight);
  draw_title(canvas, first.area, title_a, facts(a, convention));
  draw_title(canvas, second.area, title_b, facts(b, convention));
  draw_title(canvas, third.area, "difference: the second less the first",
             "mean " + fixed(mean_distance(a, b), 3) + " either way");
  const std::string unit = unit_of(convention);
  const auto draw = [&](const Plane& plane, const Raster& raster, Interval shown, ColorMap colors) {
    draw_colors(canvas, plane, raster, shown, colors, unit, axes.times, axes.frequencies);
    draw_y_axis(canvas, plane, axes.frequencies, axes.frequency_label());
  };
  draw(first, raster_a, range, heat);
  draw(second, raster_b, range, heat);
  draw(third, difference(raster_a, raster_b, range.least), reaches, difference_color);
  draw_x_axis(canvas, third, axes.times, axes.time_label());
  return canvas.take();
}

}  // namespace fluvox::report
