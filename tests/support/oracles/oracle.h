// An oracle: a process that draws clips and knows the exact density of each, so that the best
// log-likelihood that any model can reach is known. A model is judged by the paired gap
//   mean[log p_true(x | c) - log p_model(x | c)] >= 0
// on the same held-out clips: below zero (by more than chance) its density is wrong, and how far it
// stays above zero is what it has not learnt. All in nats and in double precision.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "support/oracles/random.h"

namespace fluvox::oracles {

struct Clip {
  std::vector<double> x;
  int bands = 0, frames = 0;
  std::vector<double> features;  // the condition, [bands][frames]; none where bands is 0

  double feature(int band, int frame) const {
    return features[static_cast<size_t>(band) * frames + frame];
  }
  double& feature(int band, int frame) {
    return features[static_cast<size_t>(band) * frames + frame];
  }
};

class Oracle {
 public:
  virtual ~Oracle() = default;
  virtual Clip draw(uint64_t seed, uint64_t item, int samples) const = 0;
  // log p(x_t | x_0 .. x_{t-1}, c) of every sample, from the clip alone
  virtual std::vector<double> log_density(const Clip& clip) const = 0;
};

// The entropy of a Gaussian of this variance, H(v) = 1/2 ln(2 pi e v).
inline double gaussian_entropy(double variance) {
  return 0.5 * std::log(2 * std::numbers::pi * std::numbers::e * variance);
}

// log N(x; mean, deviation^2)
inline double log_normal(double x, double mean, double deviation) {
  const double z = (x - mean) / deviation;
  return -0.5 * z * z - std::log(deviation) - 0.5 * std::log(2 * std::numbers::pi);
}

}  // namespace fluvox::oracles
