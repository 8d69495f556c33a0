// Scale: every channel times a learned factor of its own (NICE's last step).
//   z[c, t] = exp(log_scale[c]) x[c, t]          log|det| = T sum log_scale      x, z [channels, T]
// In the spec: {"kind": "scale", "channels": 8}. Tensor: log_scale [channels], zero at the start.
#pragma once

#include "core/config.h"
#include "flow/step.h"

namespace fluvox::flow {

struct Scale {
  int channels = 8;
};

template <class Visitor>
void fields(Visitor& v, Scale& s) {
  v("channels", s.channels, "channels of the step", Range{1, 65536});
}

TorchStepPtr make_torch(const Scale&);
RuntimeStepPtr make_runtime(const Scale&, Weights&);

}  // namespace fluvox::flow
