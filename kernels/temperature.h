// The temperature of noise, z = T z0: one for the channels below `border`, another from there on.
#pragma once

#include <cstdint>

#include "kernels/portable.h"

namespace fluvox::kernels {

struct Temperature {
  double below, above;
  std::int64_t border;

  FLUVOX_HOST_DEVICE double of(std::int64_t channel) const {
    return channel < border ? below : above;
  }
};

}  // namespace fluvox::kernels
