#include "report/waveform.h"

#include <algorithm>
#include <cmath>

namespace fluvox::report {
namespace {

constexpr Color kReach{122, 165, 212}, kRms{37, 87, 150};

double finite(float sample) { return std::isfinite(sample) ? static_cast<double>(sample) : 0.0; }

void draw_points(Canvas& canvas, const Plane& plane, std::span<const float> samples, double wide) {
  const auto column = [&](size_t i) {
    return plane.area.x - 0.5 + (static_cast<double>(i) + 0.5) * wide;
  };
  for (size_t i = 0; i < samples.size(); ++i) {
    const double x = column(i), y = plane.row(finite(samples[i]));
    if (i > 0)
      canvas.line(column(i - 1), plane.row(finite(samples[i - 1])), x, y, kRms, 1.5, plane.area);
    if (wide >= 8) canvas.line(x, y, x, y, kRms, 5, plane.area);
  }
}

}  // namespace

Interval wave_range(std::span<const float> samples) {
  double peak = 0;
  for (const float sample : samples) peak = std::max(peak, std::abs(finite(sample)));
  if (peak < 1e-30) return {-1, 1};
  return {-1.08 * peak, 1.08 * peak};
}

void draw_wave(Canvas& canvas, const Plane& plane, std::span<const float> samples,
               double samples_across) {
  const Rect& area = plane.area;
  const double wide = area.width / samples_across;  // pixels of a sample
  if (wide > 0.5) return draw_points(canvas, plane, samples, wide);
  double before = 0;  // the reach of a column starts where the last one ended: no gaps
  for (int x = 0; x < area.width; ++x) {
    const auto place = [&](int column) {
      return std::min(samples.size(), static_cast<size_t>(std::llround(column / wide)));
    };
    const size_t first = place(x), last = place(x + 1);
    if (first >= last) break;
    double least = first > 0 ? before : finite(samples[0]), most = least, square = 0;
    for (size_t i = first; i < last; ++i) {
      const double value = finite(samples[i]);
      least = std::min(least, value), most = std::max(most, value);
      square += value * value;
    }
    before = finite(samples[last - 1]);
    const double rms = std::sqrt(square / static_cast<double>(last - first));
    const auto bar = [&](double high, double low, Color color) {
      const auto row = [&](double value) {
        return static_cast<int>(
            std::lround(std::clamp<double>(plane.row(value), area.y, area.bottom() - 1)));
      };
      const int top = row(high), bottom = row(low);
      canvas.fill({area.x + x, top, 1, bottom - top + 1}, color);
    };
    bar(most, least, kReach);
    bar(std::min(rms, most), std::max(-rms, least), kRms);
  }
}

}  // namespace fluvox::report
