#include "audio/loudness.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>

#include "core/error.h"

namespace fluvox::audio {
namespace {

constexpr double kAbsoluteGate = -70, kRelativeGate = -10, kOffset = -0.691;
constexpr double kFullScale = 32767.0 / 32768.0;

double loudness_of(double mean_square) { return kOffset + 10 * std::log10(mean_square); }

double mean_above(const std::vector<double>& blocks, double gate) {
  double sum = 0;
  std::size_t count = 0;
  for (const double block : blocks) {
    if (loudness_of(block) > gate) {
      sum += block;
      ++count;
    }
  }
  return count > 0 ? sum / static_cast<double>(count) : 0;
}

// Sums of squares of the K-weighted signal over consecutive steps of 100 ms.
std::vector<double> step_energies(std::span<const float> samples, int rate, std::size_t step) {
  const std::array<Biquad, 2> filters = k_weighting(rate);
  double state[2][2] = {};  // transposed direct form II
  std::vector<double> energies(samples.size() / step + 1);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    double x = samples[i];
    for (int f = 0; f < 2; ++f) {
      const Biquad& q = filters[static_cast<std::size_t>(f)];
      const double y = q.b0 * x + state[f][0];
      state[f][0] = q.b1 * x - q.a1 * y + state[f][1];
      state[f][1] = q.b2 * x - q.a2 * y;
      x = y;
    }
    energies[i / step] += x * x;
  }
  return energies;
}

}  // namespace

std::array<Biquad, 2> k_weighting(int rate) {
  // The analogue prototypes behind the table of BS.1770: corner, quality, gain.
  const auto warped = [rate](double hertz) { return std::tan(std::numbers::pi * hertz / rate); };
  std::array<Biquad, 2> filters{};
  {
    const double k = warped(1681.974450955533), q = 0.7071752369554196;
    const double high = std::pow(10.0, 3.999843853973347 / 20);
    const double band = std::pow(high, 0.4996667741545416);
    const double a0 = 1 + k / q + k * k;
    filters[0] = {(high + band * k / q + k * k) / a0, 2 * (k * k - high) / a0,
                  (high - band * k / q + k * k) / a0, 2 * (k * k - 1) / a0,
                  (1 - k / q + k * k) / a0};
  }
  {
    const double k = warped(38.13547087602444), q = 0.5003270373238773;
    const double a0 = 1 + k / q + k * k;
    filters[1] = {1, -2, 1, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0};
  }
  return filters;
}

double integrated_loudness(std::span<const float> samples, int rate) {
  const std::size_t step = static_cast<std::size_t>(rate + 5) / 10;
  if (samples.empty() || step == 0) return -std::numeric_limits<double>::infinity();
  const std::vector<double> steps = step_energies(samples, rate, step);
  std::vector<double> blocks;  // mean squares
  for (std::size_t first = 0; (first + 4) * step <= samples.size(); ++first) {
    blocks.push_back((steps[first] + steps[first + 1] + steps[first + 2] + steps[first + 3]) /
                     static_cast<double>(4 * step));
  }
  if (blocks.empty()) {
    double sum = 0;
    for (const double energy : steps) sum += energy;
    blocks.push_back(sum / static_cast<double>(samples.size()));
  }
  const double ungated = loudness_of(mean_above(blocks, kAbsoluteGate));
  return loudness_of(mean_above(blocks, std::max(kAbsoluteGate, ungated + kRelativeGate)));
}

Normalization Normalization::parse(std::string_view given) {
  if (given == "none") return {};
  if (given == "peak") return {Kind::peak, 0};
  if (given.starts_with("lufs:")) {
    double level = 0;
    const char* const end = given.data() + given.size();
    const auto [stop, error] = std::from_chars(given.data() + 5, end, level);
    if (error == std::errc() && stop == end && level >= -70 && level <= 0) {
      return {Kind::lufs, level};
    }
  }
  throw Error(Fault::usage, "normalization-unknown",
              text("expected none, peak or lufs:N with N from -70 to 0 (as in lufs:-23), found '",
                   given, "'"));
}

NormalizationReport apply_normalization(std::vector<float>& samples, int rate,
                                        const Normalization& wanted) {
  NormalizationReport report;
  float peak = 0;
  for (const float x : samples) peak = std::max(peak, std::fabs(x));
  if (wanted.kind == Normalization::Kind::none || peak == 0 || !std::isfinite(peak)) return report;
  const double to_peak = kFullScale / static_cast<double>(peak);
  report.gain = to_peak;
  if (wanted.kind == Normalization::Kind::lufs) {
    const double loudness = integrated_loudness(samples, rate);
    if (!std::isfinite(loudness)) return NormalizationReport{};
    report.gain = std::pow(10.0, (wanted.lufs - loudness) / 20);
    report.limited = report.gain > to_peak;
    if (report.limited) report.gain = to_peak;
  }
  for (float& x : samples) x = static_cast<float>(x * report.gain);
  return report;
}

}  // namespace fluvox::audio
