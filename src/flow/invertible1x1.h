// Invertible 1x1 convolution: every time step is multiplied by the same matrix.
//   z[:, t] = W x[:, t]      log|det| = T log|det W|       x, z [channels, T], W [channels,
//   channels]
// W starts as a random rotation. -log|det W| in the loss goes to infinity as W nears singularity,
// which is what keeps it invertible; the sign of det W may change, so the formula takes the
// absolute value. In the spec: {"kind": "invertible1x1", "channels": 8}. Tensor: weight [channels,
// channels].
#pragma once

#include "core/config.h"
#include "flow/step.h"

namespace fluvox::flow {

struct Invertible1x1 {
  int channels = 8;
};

template <class Visitor>
void fields(Visitor& v, Invertible1x1& s) {
  v("channels", s.channels, "channels that are mixed", Range{1, 4096});
}

TorchStepPtr make_torch(const Invertible1x1&);
RuntimeStepPtr make_runtime(const Invertible1x1&, Weights&);

}  // namespace fluvox::flow
