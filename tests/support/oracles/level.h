// B5: NICE's floor. A whole utterance has one level, and the condition tells which:
//   x_t ~ N(0, s(c)^2), s = .1 or 1 in turn;   the one feature is -1 or 1
// The best is E[ln s] + H(1). A volume-preserving flow has one log-determinant for all utterances.
// Its z must then have both levels under one Gaussian, at best of variance E[s^2]: it stays
//   1/2 ln E[s^2] - E[ln s]
// above the truth, however large its nets.
#pragma once

#include "support/oracles/oracle.h"

namespace fluvox::oracles {

class Level : public Oracle {
 public:
  explicit Level(int hop) : hop_(hop) {}  // samples a frame of the feature

  Clip draw(uint64_t seed, uint64_t item, int samples) const override;
  std::vector<double> log_density(const Clip& clip) const override;

  static double entropy();
  static double volume_preserving_floor();

 private:
  int hop_;
};

}  // namespace fluvox::oracles
