// Affine coupling over channel halves (NICE, RealNVP, Glow, WaveGlow): one half is kept and, with
// the condition, decides how the other is scaled and shifted.
//   (b, raw) = net(x_kept, cond)
//   z_kept = x_kept,  z_changed = exp(s) * x_changed + b            log|det| = sum s
//   x_changed = (z_changed - b) * exp(-s)
// scale "exp": s = raw or, with a limit, limit tanh(raw / limit). "sigmoid": s = ln sigmoid(raw +
// 2), Glow's. "none": s = 0, the additive coupling of NICE. shift false: b = 0, the multiplicative
// coupling. The order of the channels stays as it is, whichever half is kept (halves.h).
// Shapes: x [channels, T], both halves [channels / 2, T], net output [channels, T] = [b; raw]; b or
// raw alone, [channels / 2, T], where the other is not used.
// In the spec: {"kind": "coupling", "channels": 8, "keep": "first", "scale": "exp", "limit": 0,
// "shift": true, "net": {...}}. Tensors: net.*
#pragma once

#include "core/config.h"
#include "flow/halves.h"
#include "flow/step.h"

namespace fluvox::flow {

struct Coupling {
  int channels = 8;
  std::string keep = "first";
  std::string scale = "exp";
  double limit = 0;
  bool shift = true;
  Json net = Json::object();
};

template <class Visitor>
void fields(Visitor& v, Coupling& s) {
  v("channels", s.channels, "channels of the step, both halves", Range{2, 65536});
  v("keep", s.keep, "the half that is kept", kHalves);
  v("scale", s.scale, "how the log-scale follows from the net", OneOf{"exp", "sigmoid", "none"});
  v("limit", s.limit, "bound of the log-scale of exp: limit tanh(raw / limit); 0: none",
    Range{0, 10});
  v("shift", s.shift, "whether the half is shifted too");
  v("net", s.net, "the network inside");
}

// A coupling that neither scales nor shifts, or bounds a scale that it has not, is refused.
void check(const Coupling&);

TorchStepPtr make_torch(const Coupling&);
RuntimeStepPtr make_runtime(const Coupling&, Weights&);

}  // namespace fluvox::flow
