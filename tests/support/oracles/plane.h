// B9: densities over two dimensions, to be seen and to be integrated on a grid.
//   banana        x_0 ~ N(0, 4^2), x_1 ~ N(x_0^2 / 4, 1)         entropy H(16) + H(1) = 4.22417
//   ring          eight Gaussians of deviation .3 on a circle of radius 3
//   checkerboard  uniform over the 8 dark unit squares of [-2, 2]^2              entropy ln 8
// A clip is the two numbers. Its two log-densities are those of x_0 and of x_1 given x_0.
#pragma once

#include "support/oracles/oracle.h"

namespace fluvox::oracles {

class Banana : public Oracle {
 public:
  Clip draw(uint64_t seed, uint64_t item, int samples) const override;
  std::vector<double> log_density(const Clip& clip) const override;
  static double entropy() { return gaussian_entropy(16) + gaussian_entropy(1); }  // of both
};

class Ring : public Oracle {
 public:
  Clip draw(uint64_t seed, uint64_t item, int samples) const override;
  std::vector<double> log_density(const Clip& clip) const override;
};

class Checkerboard : public Oracle {
 public:
  Clip draw(uint64_t seed, uint64_t item, int samples) const override;
  std::vector<double> log_density(const Clip& clip) const override;
  static double entropy() { return std::log(8.0); }  // of both
};

}  // namespace fluvox::oracles
