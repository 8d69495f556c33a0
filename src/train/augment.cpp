#include "train/augment.h"

#include <cmath>
#include <numbers>

namespace fluvox::train {
namespace {

constexpr int kHalf = 96;   // taps on either side: the curve is smooth, so its response is short
constexpr int kPoints = 8;  // knots of the curve, from 60 Hz up to half the rate
constexpr int kGrid = 129;  // frequencies it is sampled at

std::vector<double> random_gains(int rate, Random& random) {
  double knots[kPoints];
  for (double& decibels : knots) decibels = std::clamp(5.0 * random.normal(), -12.0, 12.0);
  std::vector<double> gains;
  for (int i = 0; i < kGrid; ++i) {
    const double hertz = std::max(60.0, 0.5 * rate * i / (kGrid - 1));
    const double place = std::log(hertz / 60.0) / std::log(0.5 * rate / 60.0) * (kPoints - 1);
    const int left = std::min(kPoints - 2, static_cast<int>(place));
    const double share =
        0.5 - 0.5 * std::cos(std::numbers::pi * std::clamp(place - left, 0.0, 1.0));
    gains.push_back(std::pow(10.0, (knots[left] + share * (knots[left + 1] - knots[left])) / 20));
  }
  return gains;
}

double log_uniform(Random& random, double low, double high) {
  return low * std::pow(high / low, random.uniform());
}

}  // namespace

std::vector<float> fir_from_gains(const std::vector<double>& gains, int half) {
  const int n = static_cast<int>(gains.size()) - 1;  // intervals up to half the rate
  std::vector<float> taps;
  for (int t = -half; t <= half; ++t) {
    double sum = 0.5 * (gains.front() + gains.back() * (t % 2 == 0 ? 1 : -1));
    for (int i = 1; i < n; ++i)
      sum += gains[static_cast<size_t>(i)] * std::cos(std::numbers::pi * i * t / n);
    const double window = 0.5 + 0.5 * std::cos(std::numbers::pi * t / (half + 1));
    taps.push_back(static_cast<float>(window * sum / n));
  }
  return taps;
}

std::vector<float> filtered(const std::vector<float>& samples, const std::vector<float>& taps) {
  const size_t half = taps.size() / 2;
  std::vector<float> padded(samples.size() + 2 * half, 0.0f), result(samples.size(), 0.0f);
  std::copy(samples.begin(), samples.end(), padded.begin() + static_cast<std::ptrdiff_t>(half));
  // result[n] = sum_j taps[j] samples[n + half - j]; the taps are symmetric
  for (size_t j = 0; j < taps.size(); ++j)
    for (size_t n = 0; n < result.size(); ++n) result[n] += taps[j] * padded[n + j];
  return result;
}

void augment(std::vector<float>& samples, int rate, Random& random) {
  samples = filtered(samples, fir_from_gains(random_gains(rate, random), kHalf));
  float peak = 1e-6f;
  for (float x : samples) peak = std::max(peak, std::fabs(x));
  const auto gain = static_cast<float>(log_uniform(random, 0.1, 0.95) / peak);
  const auto floor = static_cast<float>(log_uniform(random, 1e-5, 1e-3));
  for (float& x : samples) x = gain * x + floor * static_cast<float>(random.normal());
}

}  // namespace fluvox::train
