#include <algorithm>
#include <cmath>
#include <cstdint>

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

// Each column the mean of its frames, or the one frame that covers it.
Raster raster_of(const mel::Mel& mel, const Rect& area) {
  Raster raster(area.width, area.height);
  for (int column = 0; column < area.width; ++column) {
    const auto place = [&](int x) {
      return static_cast<int>(static_cast<int64_t>(x) * mel.frames / area.width);
    };
    const int first = place(column), last = std::max(first + 1, place(column + 1));
    for (int row = 0; row < area.height; ++row) {
      const int band = (area.height - 1 - row) * mel.bands / area.height;
      double sum = 0;
      for (int frame = first; frame < last; ++frame)
        sum += mel.frame(frame)[static_cast<size_t>(band)];
      raster.at(column, row) = static_cast<float>(sum / (last - first));
    }
  }
  return raster;
}

Interval range_of(const mel::Mel& mel) {
  Interval range = finite_range(mel.values);
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

}  // namespace

Image plot_mel(const mel::Mel& mel, const mel::Convention& convention, const std::string& title) {
  check(mel, convention);
  const double seconds = static_cast<double>(mel.frames) * convention.hop / convention.sample_rate;
  const Unit time = time_unit(seconds);
  // Every band gets the same number of rows.
  Plane plane{{0, kTitleHeight, kPictureWidth, mel.bands * std::max(1, 400 / mel.bands)},
              {0, seconds * time.scale},
              {0, static_cast<double>(mel.bands)}};
  const std::vector<double> centres = mel::band_centres(convention);
  const auto frequencies = band_ticks(centres, plane);
  const Interval range = range_of(mel);
  plane.area.x = y_axis_width(frequencies);
  plane.area.width = kPictureWidth - plane.area.x - color_scale_width(range, plane.area.height);
  const bool scaled = convention.gain != 1 || convention.offset != 0 || !convention.mean.empty();
  const auto times = x_ticks(plane);

  Canvas canvas(kPictureWidth, plane.area.bottom() + kXAxisHeight);
  draw_title(canvas, plane.area, title,
             text(convention.name, ", ", mel.bands, " bands x ", mel.frames, " frames"));
  draw_colors(canvas, plane, raster_of(mel, plane.area), range, heat,
              text(convention.log == "db" ? "dB" : convention.log, " ", convention.quantity,
                   scaled ? ", scaled" : ""),
              times, frequencies);
  draw_y_axis(canvas, plane, frequencies,
              "band centre (" + frequency_unit(centres.back()).name + ")");
  draw_x_axis(canvas, plane, times, "time (" + time.name + ")");
  return canvas.take();
}

}  // namespace fluvox::report
