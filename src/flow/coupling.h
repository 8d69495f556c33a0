// Affine coupling over channel halves (RealNVP, Glow, WaveGlow): the first half is kept and, with
// the condition, decides how the second is scaled and shifted.
//   (b, raw) = net(x0, cond)      s = bounded(raw) (log_scale.h)
//   z0 = x0,  z1 = exp(s) * x1 + b                      log|det| = sum s
//   x1 = (z1 - b) * exp(-s)
// Shapes: x [channels, T], x0 and x1 [channels / 2, T], net output [channels, T] = [b; raw].
// In the spec: {"kind": "coupling", "channels": 8, "limit": 0, "net": {...}}. Tensors: net.*
#pragma once

#include "core/config.h"
#include "flow/step.h"

namespace fluvox::flow {

struct Coupling {
  int channels = 8;
  double limit = 0;
  Json net = Json::object();
};

template <class Visitor>
void fields(Visitor& v, Coupling& s) {
  v("channels", s.channels, "channels of the step, both halves", Range{2, 4096});
  v("limit", s.limit, "bound of the log-scale: limit tanh(raw / limit); 0: none", Range{0, 10});
  v("net", s.net, "the network inside");
}

TorchStepPtr make_torch(const Coupling&);
RuntimeStepPtr make_runtime(const Coupling&, Weights&);

}  // namespace fluvox::flow
