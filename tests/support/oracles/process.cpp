#include "support/oracles/process.h"

namespace fluvox::oracles {
namespace {

// -integral of p ln p by the trapezoidal rule, which is as exact as can be on a smooth function
// that falls off to nothing at both ends.
double entropy_of(const std::function<double(double)>& log_density, double reach, double step) {
  double sum = 0;
  for (double e = -reach; e <= reach; e += step) {
    const double log_p = log_density(e);
    sum -= std::exp(log_p) * log_p;
  }
  return sum * step;
}

}  // namespace

Innovation Innovation::gaussian(double deviation) {
  return {[=](Random& random) { return deviation * random.normal(); },
          [=](double e) { return log_normal(e, 0, deviation); },
          gaussian_entropy(deviation * deviation)};
}

Innovation Innovation::laplace(double scale) {
  return {[=](Random& random) { return random.laplace(scale); },
          [=](double e) { return -std::abs(e) / scale - std::log(2 * scale); },
          std::log(2 * scale * std::numbers::e)};
}

Innovation Innovation::mixture(double share, double deviation, double other_deviation) {
  const auto log_density = [=](double e) {
    return std::log(share * std::exp(log_normal(e, 0, deviation)) +
                    (1 - share) * std::exp(log_normal(e, 0, other_deviation)));
  };
  return {[=](Random& random) {
            const double chosen = random.uniform() < share ? deviation : other_deviation;
            return chosen * random.normal();
          },
          log_density, entropy_of(log_density, 12 * other_deviation, deviation / 200)};
}

Clip Process::draw(uint64_t seed, uint64_t item, int samples) const {
  Random random(seed, item);
  Clip clip;
  for (int t = 0; t < samples; ++t) {
    const double e = innovation_.draw(random);
    clip.x.push_back(mean_(clip.x) + scale(clip.x) * e);
  }
  return clip;
}

std::vector<double> Process::log_density(const Clip& clip) const {
  std::vector<double> log_p;
  for (size_t t = 0; t < clip.x.size(); ++t) {
    const Past past = Past(clip.x).first(t);
    const double s = scale(past);
    log_p.push_back(innovation_.log_density((clip.x[t] - mean_(past)) / s) - std::log(s));
  }
  return log_p;
}

Process::Function linear(std::vector<double> coefficients) {
  return [a = std::move(coefficients)](Process::Past past) {
    double sum = 0;
    for (size_t k = 0; k < a.size() && k < past.size(); ++k)
      sum += a[k] * past[past.size() - 1 - k];
    return sum;
  };
}

std::vector<double> resonance() {
  const double radius = 0.95, angle = 2 * std::numbers::pi * 500 / 8000;
  return {2 * radius * std::cos(angle), -radius * radius};
}

Process resonant() {
  return Process(linear(resonance()), Innovation::gaussian(kResonanceDeviation));
}

Process nonlinear() {
  return Process(
      [](Process::Past past) {
        const size_t n = past.size();
        return (n > 0 ? std::sin(3 * past[n - 1]) / 2 : 0.0) -
               (n > 1 ? std::tanh(past[n - 2]) / 4 : 0.0);
      },
      Innovation::gaussian(0.1));
}

Process laplacian() { return Process(linear({0.8}), Innovation::laplace(0.1)); }

Process two_scales() { return Process(linear({0.8}), Innovation::mixture(0.9, 0.02, 0.2)); }

Process switching() {
  return Process([](Process::Past) { return 0.0; }, Innovation::gaussian(1),
                 [](Process::Past past) { return past.empty() || past.back() >= 0 ? 1.0 : 0.1; });
}

}  // namespace fluvox::oracles
