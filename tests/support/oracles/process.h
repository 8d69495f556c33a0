// B1, B1b, B3: a process driven by independent innovations, from silence (x_t = 0 before the
// start):
//   x_t = g(x_{t-1}, x_{t-2}, ...) + s(x_{t-1}) e_t
//   log p(x_t | past) = log p_e((x_t - g) / s) - ln s
// Whatever g is, the best nats per sample are the entropy of the innovations plus E[ln s].
#pragma once

#include <functional>
#include <span>
#include <string>
#include <utility>

#include "support/oracles/oracle.h"

namespace fluvox::oracles {

// Where e_t comes from.
struct Innovation {
  std::function<double(Random&)> draw;
  std::function<double(double)> log_density;
  double entropy;

  static Innovation gaussian(double deviation);
  static Innovation laplace(double scale);
  // a mixture of two zero-mean Gaussians; its entropy has no closed form and is integrated
  static Innovation mixture(double share, double deviation, double other_deviation);
};

class Process : public Oracle {
 public:
  using Past = std::span<const double>;  // oldest first
  using Function = std::function<double(Past)>;
  Process(Function mean, Innovation innovation, Function scale = nullptr)
      : mean_(std::move(mean)), scale_(std::move(scale)), innovation_(std::move(innovation)) {}

  Clip draw(uint64_t seed, uint64_t item, int samples) const override;
  std::vector<double> log_density(const Clip& clip) const override;
  double innovation_entropy() const { return innovation_.entropy; }

 private:
  double scale(Past past) const { return scale_ ? scale_(past) : 1.0; }

  Function mean_, scale_;
  Innovation innovation_;
};

// x_t = a_1 x_{t-1} + a_2 x_{t-2} + ..., for Process
Process::Function linear(std::vector<double> coefficients);

// The AR(2) with a pole pair of radius .95 at 500 Hz of 8 kHz: a_1 = 2 r cos w, a_2 = -r^2.
std::vector<double> resonance();
inline constexpr double kResonanceDeviation = 0.05;

// The six that the tests and the bench use.
Process resonant();    // B1: AR(2), Gaussian innovations
Process nonlinear();   // B1b: x_t = sin(3 x_{t-1}) / 2 - tanh(x_{t-2}) / 4 + .1 e_t
Process laplacian();   // B3: AR(1), a = .8, Laplace innovations, b = .1
Process two_scales();  // B3: AR(1), a = .8, innovations .9 N(0, .02^2) + .1 N(0, .2^2)
Process switching();   // B3: x_t = s_t e_t, s_t = 1 after a sample >= 0, else .1

}  // namespace fluvox::oracles
