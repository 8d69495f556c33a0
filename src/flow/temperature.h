// The temperature at which a model is sampled, z = T z0, by the channels of z.
//   T(c) = sigma                   but for the spec's last `unseen` channels:
//   T(c) = min(sigma / own, 1)     with `own`, the spec's sigma: 1 at that
// A coupling knows how loud a part of the sound is from the mel, and where the mel does not reach
// only from what lies beside it: drawn too quietly, that has the next coupling draw more quietly
// still, and what hisses above the mel's highest band sinks by 20 dB.
#pragma once

#include <algorithm>

#include "flow/spec.h"
#include "kernels/temperature.h"

namespace fluvox::flow {

using kernels::Temperature;

inline Temperature temperature_of(const Spec& spec, double sigma, int64_t channels) {
  const double unseen = spec.sigma > 0 ? std::min(sigma / spec.sigma, 1.0) : sigma;
  return {sigma, unseen, channels - spec.unseen};
}

}  // namespace fluvox::flow
