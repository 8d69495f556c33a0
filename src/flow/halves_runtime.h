// Halves of a time-major grid [T][channels] (halves.h).
#pragma once

#include "flow/halves.h"
#include "kernels/view.h"
#include "net/net_runtime.h"

namespace fluvox::flow {

inline net::Grid kept_half(const net::Grid& x, const Halves& h) {
  net::Grid half(x.rows, h.count);
  for (int t = 0; t < x.rows; ++t) {
    const float* from = x.row(t) + h.kept;
    float* to = half.row(t);
    for (int j = 0; j < h.count; ++j, from += h.stride) to[j] = *from;
  }
  return half;
}

inline kernels::View changed_half(net::Grid& x, const Halves& h) {
  return {x.values.data() + h.changed, x.columns, h.stride};
}

}  // namespace fluvox::flow
