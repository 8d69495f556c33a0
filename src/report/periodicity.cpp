#include "report/periodicity.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <numbers>
#include <vector>

#include "core/error.h"

namespace fluvox::report {
namespace {

constexpr double kWindow = 0.03, kAround = 0.04;

// The analytic signal of a band: a Hamming-windowed low-pass turned to the band's middle.
// Transitions are about 300 Hz wide.
std::vector<std::complex<double>> band(std::span<const float> samples, int rate, double low,
                                       double high) {
  const double cut = (high - low) / 2 / rate, middle = (high + low) / 2 / rate;
  const auto half = static_cast<int64_t>(std::ceil(1.65 * rate / 300));
  std::vector<std::complex<double>> taps;
  for (int64_t n = -half; n <= half; ++n) {
    const double phase = 2 * std::numbers::pi * cut * static_cast<double>(n);
    const double sinc = n == 0 ? 1 : std::sin(phase) / phase;
    const double hamming = 0.54 + 0.46 * std::cos(std::numbers::pi * static_cast<double>(n) /
                                                  static_cast<double>(half));
    taps.push_back(std::polar(4 * cut * sinc * hamming,
                              2 * std::numbers::pi * middle * static_cast<double>(n)));
  }
  const auto length = static_cast<int64_t>(samples.size());
  std::vector<std::complex<double>> out(samples.size());
  for (int64_t t = 0; t < length; ++t) {
    double real = 0, imaginary = 0;
    const int64_t first = std::max<int64_t>(0, t - half), last = std::min(length - 1, t + half);
    for (int64_t i = first; i <= last; ++i) {
      const double x = samples[static_cast<size_t>(i)];
      const std::complex<double>& tap = taps[static_cast<size_t>(t - i + half)];
      real += x * tap.real();
      imaginary += x * tap.imag();
    }
    out[static_cast<size_t>(t)] = {real, imaginary};
  }
  return out;
}

// r of the frame centred at `centre`; NaN where it reaches beyond the sound or nothing is there.
double correlation(const std::vector<double>& u, int64_t centre, int64_t window, int64_t lag) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const int64_t first = centre - (window + lag) / 2, end = first + window + lag;
  if (first < 0 || end > static_cast<int64_t>(u.size())) return kNone;
  const double* x = u.data() + first;
  double mean = 0;
  for (int64_t i = 0; i < window + lag; ++i) mean += x[i];
  mean /= static_cast<double>(window + lag);
  double product = 0, early = 0, late = 0;
  for (int64_t i = 0; i < window; ++i) {
    const double a = x[i] - mean, b = x[i + lag] - mean;
    product += a * b;
    early += a * a;
    late += b * b;
  }
  return early > 0 && late > 0 ? product / std::sqrt(early * late) : kNone;
}

double mean_correlation(const std::vector<double>& u, int rate, const PitchTrack& track) {
  const auto window = static_cast<int64_t>(std::lround(kWindow * rate));
  double sum = 0, count = 0;
  for (size_t k = 0; k < track.hertz.size(); ++k) {
    if (track.hertz[k] <= 0) continue;
    const double lag = rate / static_cast<double>(track.hertz[k]);
    const auto centre =
        static_cast<int64_t>(std::llround(static_cast<double>(k) * track.hop * rate));
    double best = -2;
    const auto least = static_cast<int64_t>(std::floor(lag * (1 - kAround))),
               most = static_cast<int64_t>(std::ceil(lag * (1 + kAround)));
    for (int64_t at = least; at <= most; ++at) {
      const double r = correlation(u, centre, window, at);
      if (r > best) best = r;  // NaN is not greater
    }
    if (best < -1.5) continue;
    sum += best;
    ++count;
  }
  return count > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

Periodicity periodicity(std::span<const float> samples, int rate, const PitchTrack& track) {
  if (rate < 8000)
    throw Error(Fault::input, "periodicity-rate",
                text("expected at least 8000 Hz to look at 1 to 4 kHz, found ", rate));
  std::vector<double> low, envelope;
  for (const auto& x : band(samples, rate, 60, 1200)) low.push_back(x.real());
  for (const auto& x : band(samples, rate, 1000, 4000)) envelope.push_back(std::abs(x));
  return {mean_correlation(low, rate, track), mean_correlation(envelope, rate, track)};
}

}  // namespace fluvox::report
