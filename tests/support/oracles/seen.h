// B4: a Gaussian process as one sees it who sees the last `taps` samples only. The density is that
// of the best such predictor: a causal model of that reach can equal it. One that comes out better
// sees more than it should (a leak), one that stays worse sees less (an off-by-one).
#pragma once

#include "support/oracles/gaussian.h"

namespace fluvox::oracles {

class Seen : public Oracle {
 public:
  Seen(GaussianProcess process, int taps) : process_(std::move(process)), taps_(taps) {}

  Clip draw(uint64_t seed, uint64_t item, int samples) const override {
    return process_.draw(seed, item, samples);
  }
  std::vector<double> log_density(const Clip& clip) const override {
    return process_.log_density_seen(clip, taps_);
  }

 private:
  GaussianProcess process_;
  int taps_;
};

}  // namespace fluvox::oracles
