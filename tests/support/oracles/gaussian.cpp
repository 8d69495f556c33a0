#include "support/oracles/gaussian.h"

#include <algorithm>

namespace fluvox::oracles {

GaussianProcess::GaussianProcess(const std::vector<double>& covariance) {
  coefficients_.push_back({});
  variance_.push_back(covariance[0]);
  for (size_t k = 1; k < covariance.size(); ++k) {
    const std::vector<double>& last = coefficients_.back();
    double unexplained = covariance[k];
    for (size_t j = 0; j < last.size(); ++j) unexplained -= last[j] * covariance[k - 1 - j];
    const double reflection = unexplained / variance_.back();
    std::vector<double> next(k);
    for (size_t j = 0; j + 1 < k; ++j) next[j] = last[j] - reflection * last[k - 2 - j];
    next[k - 1] = reflection;
    variance_.push_back(variance_.back() * (1 - reflection * reflection));
    coefficients_.push_back(std::move(next));
  }
}

double GaussianProcess::prediction(const std::vector<double>& x, size_t t, size_t taps) const {
  double sum = 0;
  for (size_t j = 0; j < taps; ++j) sum += coefficients_[taps][j] * x[t - 1 - j];
  return sum;
}

Clip GaussianProcess::draw(uint64_t seed, uint64_t item, int samples) const {
  Random random(seed, item);
  Clip clip;
  for (size_t t = 0; t < static_cast<size_t>(samples); ++t)
    clip.x.push_back(prediction(clip.x, t, t) + std::sqrt(variance_.at(t)) * random.normal());
  return clip;
}

std::vector<double> GaussianProcess::log_density(const Clip& clip) const {
  return log_density_seen(clip, static_cast<int>(clip.x.size()));
}

std::vector<double> GaussianProcess::log_density_seen(const Clip& clip, int taps) const {
  std::vector<double> log_p;
  for (size_t t = 0; t < clip.x.size(); ++t) {
    const size_t seen = std::min(t, static_cast<size_t>(taps));
    log_p.push_back(
        log_normal(clip.x[t], prediction(clip.x, t, seen), std::sqrt(variance_.at(seen))));
  }
  return log_p;
}

double GaussianProcess::entropy(int samples) const {
  double sum = 0;
  for (int t = 0; t < samples; ++t) sum += entropy_seen(t);
  return sum / samples;
}

double GaussianProcess::entropy_seen(int taps) const {
  return gaussian_entropy(variance_.at(static_cast<size_t>(taps)));
}

std::vector<double> ar2_covariance(double a1, double a2, double variance, int samples) {
  // r_1 = a_1 r_0 + a_2 r_1,  r_2 = a_1 r_1 + a_2 r_0,  r_0 = a_1 r_1 + a_2 r_2 + v
  const double first = a1 / (1 - a2), second = a1 * first + a2;
  std::vector<double> r{variance / (1 - a1 * first - a2 * second)};
  r.push_back(first * r[0]);
  while (r.size() < static_cast<size_t>(samples))
    r.push_back(a1 * r[r.size() - 1] + a2 * r[r.size() - 2]);
  return r;
}

std::vector<double> ma1_covariance(double b, int samples) {
  std::vector<double> r(static_cast<size_t>(samples), 0.0);
  r[0] = 1 + b * b;
  r[1] = b;
  return r;
}

}  // namespace fluvox::oracles
