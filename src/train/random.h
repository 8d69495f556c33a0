// Random numbers by address: (seed, step, slot, purpose) names a stream, so that there is no
// generator state to lose and a resumed run draws what the uninterrupted one would have drawn.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/noise.h"
#include "kernels/philox.h"

namespace fluvox::train {

class Random {
 public:
  Random(uint64_t seed, uint64_t step, uint32_t slot, uint32_t purpose)
      : key_{{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)}},
        step_(step),
        slot_(slot),
        purpose_(purpose) {}

  uint32_t word() {
    if (used_ == 4) {
      // The step has 40 bits, the stream 2^24 blocks of four words.
      block_ = kernels::philox4x32_10({{static_cast<uint32_t>(step_), slot_, purpose_,
                                        static_cast<uint32_t>(step_ >> 32 << 24) ^ next_++}},
                                      key_);
      used_ = 0;
    }
    return block_.word[used_++];
  }
  double uniform() { return (word() + 0.5) * 0x1p-32; }  // in (0, 1)
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  double normal() { return kernels::normal_of_word(word()); }
  int64_t below(int64_t n) {
    const double wide = static_cast<double>(n);
    return std::min(n - 1, static_cast<int64_t>(uniform() * wide));
  }

 private:
  kernels::PhiloxKey key_;
  uint64_t step_;
  uint32_t slot_, purpose_, next_ = 0;
  kernels::Words4 block_{};
  int used_ = 4;
};

}  // namespace fluvox::train
