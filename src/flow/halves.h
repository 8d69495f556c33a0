// Which half of the channels a coupling keeps: the first or the second half, or every other
// channel. After a squeeze channels are neighbouring samples, so even and odd are the alternating
// masks of RealNVP (its checkerboard, over time).
#pragma once

#include <string>

#include "core/config.h"

namespace fluvox::flow {

// Channel j of the kept half is kept + j stride, of the other changed + j stride; j < count.
struct Halves {
  int kept, changed, stride, count;
};

inline const OneOf kHalves = {"first", "second", "even", "odd"};

inline Halves halves_of(const std::string& keep, int channels, const std::string& kind) {
  if (channels % 2 != 0)
    config::refuse(kind, text("expected an even number of channels to halve, found ", channels));
  const int half = channels / 2;
  if (keep == "first") return {0, half, 1, half};
  if (keep == "second") return {half, 0, 1, half};
  if (keep == "even") return {0, 1, 2, half};
  return {1, 0, 2, half};
}

}  // namespace fluvox::flow
