#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>
#include <vector>

#include "core/error.h"
#include "report/f0.h"
#include "report/layout.h"
#include "report/plot.h"
#include "report/spectrogram.h"
#include "report/waveform.h"

namespace fluvox::report {
namespace {

constexpr double kDynamic = 80;     // dB that the colours of a level span
constexpr double kDifference = 20;  // dB either way that the colours of a difference span
constexpr double kGridOnWhite = 0.3;
constexpr Color kTrack{90, 235, 255}, kTrackEdge{0, 0, 0};

Interval level_below(double top) { return {top - kDynamic, top}; }
const Interval kAnyLevel = level_below(kLeastLevel + kDynamic);  // the widest of their numbers

double seconds_of(std::span<const float> samples, int rate) {
  if (samples.empty())
    throw Error(Fault::input, "audio-empty", "the sound holds no samples, so there is no picture");
  if (rate < 1)
    throw Error(Fault::input, "audio-rate",
                text("expected a sampling rate of at least 1 Hz, found ", rate));
  return static_cast<double>(samples.size()) / rate;
}

// A plane of time and frequency at this height of the page.
Plane time_frequency(int top, int height, double seconds, double hertz) {
  return {{0, top, kPictureWidth, height},
          {0, seconds * time_unit(seconds).scale},
          {0, hertz * frequency_unit(hertz).scale}};
}

std::string time_label(double seconds) { return "time (" + time_unit(seconds).name + ")"; }
std::string frequency_label(double hertz) {
  return "frequency (" + frequency_unit(hertz).name + ")";
}

View whole(const Plane& plane, int rate, double seconds) {
  const int window = window_for(rate);
  return {plane.area.width, plane.area.height, seconds, rate / 2.0, window, window};
}

// Levels above which one value in a thousand lies, so that speech uses all colours, but at most 20
// dB below the loudest; in steps of 5 dB. Silence shows as the least.
Interval level_range(const Raster& a, const Raster& b) {
  std::vector<float> levels;
  for (const Raster* raster : {&a, &b})
    std::copy_if(raster->values.begin(), raster->values.end(), std::back_inserter(levels),
                 [](float level) { return !std::isnan(level); });
  const auto high = levels.end() - 1 - static_cast<std::ptrdiff_t>(levels.size() / 1000);
  std::nth_element(levels.begin(), high, levels.end());
  const double loudest = *std::max_element(high, levels.end());
  const double top = 5 * std::ceil(std::max<double>(*high, loudest - 20) / 5);
  return level_below(std::clamp(top, kLeastLevel + kDynamic, 200.0));
}

std::string facts(std::span<const float> samples, int rate) {
  double peak = 0;
  for (const float sample : samples)
    if (std::isfinite(sample)) peak = std::max(peak, std::abs(static_cast<double>(sample)));
  return text(rate, " Hz, ", duration(static_cast<double>(samples.size()) / rate), ", ",
              peak > 0 ? "peak " + fixed(20 * std::log10(peak), 1) + " dB" : "silent");
}

// How far apart two sounds are where either can be seen.
double mean_distance(const Raster& a, const Raster& b, double floor) {
  double sum = 0, count = 0;
  for (size_t i = 0; i < a.values.size(); ++i) {
    const double x = a.values[i], y = b.values[i];
    if (std::isnan(x) || std::isnan(y) || std::max(x, y) <= floor) continue;
    sum += std::abs(std::max(x, floor) - std::max(y, floor));
    ++count;
  }
  return count > 0 ? sum / count : 0;
}

// A bright line with a dark edge, seen on any colour; where voicing pauses, so does the line.
void draw_track(Canvas& canvas, const Plane& plane, const PitchTrack& track, double seconds) {
  const auto column = [&](size_t k) {
    return plane.column(plane.x.most * static_cast<double>(k) * track.hop / seconds);
  };
  for (const auto& [color, thickness] : {std::pair{kTrackEdge, 6.0}, std::pair{kTrack, 3.0}})
    for (size_t k = 0; k < track.hertz.size(); ++k) {
      if (track.hertz[k] == 0) continue;
      const size_t past = k > 0 && track.hertz[k - 1] > 0 ? k - 1 : k;
      canvas.line(column(past), plane.row(track.hertz[past]), column(k), plane.row(track.hertz[k]),
                  color, thickness, plane.area);
    }
}

}  // namespace

Image plot_sound(std::span<const float> samples, int rate, const std::string& title) {
  const double seconds = seconds_of(samples, rate), top = rate / 2.0;
  Plane spectrum = time_frequency(kTitleHeight + 170 + kPanelGap, 400, seconds, top);
  Plane wave{{0, kTitleHeight, kPictureWidth, 170}, spectrum.x, wave_range(samples)};
  align_panels({&wave, &spectrum}, color_scale_width(kAnyLevel, spectrum.area.height));
  const Raster levels = spectrogram(samples, rate, whole(spectrum, rate, seconds));
  const auto times = x_ticks(spectrum), heights = y_ticks(wave), frequencies = y_ticks(spectrum);

  Canvas canvas(kPictureWidth, spectrum.area.bottom() + kXAxisHeight);
  draw_title(canvas, wave.area, title, facts(samples, rate));
  draw_grid(canvas, wave, times, heights, kGridOnWhite);
  draw_wave(canvas, wave, samples, static_cast<double>(samples.size()));
  canvas.outline(wave.area, kBlack);
  draw_y_axis(canvas, wave, heights, "amplitude");
  draw_colors(canvas, spectrum, levels, level_range(levels, levels), heat, "level (dB)", times,
              frequencies);
  draw_y_axis(canvas, spectrum, frequencies, frequency_label(top));
  draw_x_axis(canvas, spectrum, times, time_label(seconds));
  return canvas.take();
}

Image plot_compared(std::span<const float> a, std::span<const float> b, int rate,
                    const std::string& title_a, const std::string& title_b) {
  const double seconds = std::max(seconds_of(a, rate), seconds_of(b, rate)), top = rate / 2.0;
  constexpr int kHeight = 260;
  const auto place = [&](int index) {
    return time_frequency(kTitleHeight + index * (kHeight + kTitleHeight), kHeight, seconds, top);
  };
  Plane first = place(0), second = place(1), third = place(2);
  align_panels({&first, &second, &third}, color_scale_width(kAnyLevel, kHeight));
  const Raster of_a = spectrogram(a, rate, whole(first, rate, seconds));
  const Raster of_b = spectrogram(b, rate, whole(second, rate, seconds));
  const Interval range = level_range(of_a, of_b);
  const auto times = x_ticks(first), frequencies = y_ticks(first);

  Canvas canvas(kPictureWidth, third.area.bottom() + kXAxisHeight);
  draw_title(canvas, first.area, title_a, facts(a, rate));
  draw_title(canvas, second.area, title_b, facts(b, rate));
  draw_title(canvas, third.area, "difference: the second less the first",
             "mean " + fixed(mean_distance(of_a, of_b, range.least), 1) + " dB either way");
  draw_colors(canvas, first, of_a, range, heat, "level (dB)", times, frequencies);
  draw_colors(canvas, second, of_b, range, heat, "level (dB)", times, frequencies);
  draw_colors(canvas, third, difference(of_a, of_b, range.least), {-kDifference, kDifference},
              difference_color, "dB", times, frequencies);
  for (const Plane& plane : {first, second, third})
    draw_y_axis(canvas, plane, frequencies, frequency_label(top));
  draw_x_axis(canvas, third, times, time_label(seconds));
  return canvas.take();
}

Image plot_pitch(std::span<const float> samples, int rate, const std::string& title) {
  const double seconds = seconds_of(samples, rate), top = std::min(1000.0, rate / 2.0);
  const PitchTrack track = track_pitch(samples, rate);
  Plane plane = time_frequency(kTitleHeight, 480, seconds, top);
  align_panels({&plane}, color_scale_width(kAnyLevel, plane.area.height));
  const int window = window_for(rate);
  const Raster levels = spectrogram(
      samples, rate, {plane.area.width, plane.area.height, seconds, top, window, 4 * window});
  const auto times = x_ticks(plane), frequencies = y_ticks(plane);

  Canvas canvas(kPictureWidth, plane.area.bottom() + kXAxisHeight);
  const double share = voiced_share(track);
  draw_title(canvas, plane.area, title,
             share > 0 ? text("pitch: median ", fixed(median_pitch(track), 1), " Hz, ",
                              fixed(100 * share, 0), "% voiced")
                       : "no pitch found");
  draw_colors(canvas, plane, levels, level_range(levels, levels), heat, "level (dB)", times,
              frequencies);
  const auto width = static_cast<size_t>(plane.area.width);
  draw_track(canvas, plane, coarser(track, track.hertz.size() / width + 1), seconds);
  draw_y_axis(canvas, plane, frequencies, frequency_label(top));
  draw_x_axis(canvas, plane, times, time_label(seconds));
  return canvas.take();
}

}  // namespace fluvox::report
