// Random numbers in double precision by address: (seed, item) names a stream, so one seed gives one
// data set, whatever is drawn first and however many items there are.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

#include "kernels/philox.h"

namespace fluvox::oracles {

class Random {
 public:
  Random(uint64_t seed, uint64_t item)
      : key_{{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)}}, item_(item) {}

  double uniform() {  // in (0, 1), 53 bits
    if (used_ == 4) {
      block_ = kernels::philox4x32_10(
          {{static_cast<uint32_t>(next_), static_cast<uint32_t>(next_ >> 32),
            static_cast<uint32_t>(item_), static_cast<uint32_t>(item_ >> 32)}},
          key_);
      ++next_;
      used_ = 0;
    }
    const uint64_t high = block_.word[used_++], low = block_.word[used_++];
    return (static_cast<double>((high << 32 | low) >> 11) + 0.5) * 0x1p-53;
  }
  double normal() {  // Box and Muller
    const double radius = std::sqrt(-2 * std::log(uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }
  double laplace(double scale) {
    const double u = uniform() - 0.5;
    return u < 0 ? scale * std::log1p(2 * u) : -scale * std::log1p(-2 * u);
  }
  int below(int n) { return static_cast<int>(uniform() * n); }

 private:
  kernels::PhiloxKey key_;
  uint64_t item_, next_ = 0;
  kernels::Words4 block_{};
  int used_ = 4;
};

}  // namespace fluvox::oracles
