// B2, B4: a stationary Gaussian process, known by its autocovariance r_0, r_1, ... The recursion of
// Durbin and Levinson gives the best prediction of x_t from the k samples before it and its
// variance v_k, so that
//   log p(x_t | last k samples) = log N(x_t; sum_j a_kj x_{t-j}, v_k)
// and the nats per sample of a block of T are 1/T sum_{t<T} H(v_t) = 1/2 ln(2 pi e) + 1/(2T) ln det
// R (B2), those of a model that sees the last k samples H(v_k) (B4).
#pragma once

#include "support/oracles/oracle.h"

namespace fluvox::oracles {

class GaussianProcess : public Oracle {
 public:
  // covariance: r_0 .. r_{T-1}, for clips of up to T samples
  explicit GaussianProcess(const std::vector<double>& covariance);

  Clip draw(uint64_t seed, uint64_t item, int samples) const override;
  std::vector<double> log_density(const Clip& clip) const override;
  // what the best predictor from the last `taps` samples gives
  std::vector<double> log_density_seen(const Clip& clip, int taps) const;

  double entropy(int samples) const;    // of a block, per sample
  double entropy_seen(int taps) const;  // of a sample given the last `taps`

 private:
  double prediction(const std::vector<double>& x, size_t t, size_t taps) const;

  std::vector<std::vector<double>> coefficients_;  // [k]: for x_{t-1}, x_{t-2}, ..., x_{t-k}
  std::vector<double> variance_;                   // [k]
};

// r_0 .. r_{T-1} of x_t = a_1 x_{t-1} + a_2 x_{t-2} + e_t
std::vector<double> ar2_covariance(double a1, double a2, double variance, int samples);
// of x_t = e_t + b e_{t-1}, Var e = 1
std::vector<double> ma1_covariance(double b, int samples);

}  // namespace fluvox::oracles
