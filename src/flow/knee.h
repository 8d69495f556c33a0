// Knee: sound has a full scale, and what would go beyond it is bent back, as a limiter bends it but
// exactly undone. Up to `start` nothing is changed; over the next `width` the slope falls evenly
// from 1 to `slope`, and keeps it. With u = |z|, t = max(u - start, 0), m = min(t, width):
//   x = z - sign(z) (1 - slope) (m^2 / (2 width) + t - m)
// and back, with v = |x|, s = max(v - start, 0), q = min(s, width (1 + slope) / 2), the square root
// r = sqrt(1 - 2 q (1 - slope) / width), which is the slope dx/dz:
//   z = x + sign(x) (2 q / (1 + r) + (s - q) / slope - s)          log|det| = - sum log r
// A bijection of all numbers with a continuous slope. With the settings below, x = 1 is z = 1.99:
// there is room for what a flow makes of the loudest samples of a recording.
// Shapes: x, z [channels, T]. In the spec:
//   {"kind": "knee", "start": 0.8, "width": 0.38, "slope": 0.01}. No tensors.
#pragma once

#include "core/config.h"
#include "flow/step.h"

namespace fluvox::flow {

struct Knee {
  double start = 0.8;
  double width = 0.38;
  double slope = 0.01;
};

template <class Visitor>
void fields(Visitor& v, Knee& s) {
  v("start", s.start, "size up to which nothing is bent", Range{0, 10});
  v("width", s.width, "over which the slope falls", Range{0.001, 10});
  v("slope", s.slope, "what it falls to", Range{0.001, 1});
}

TorchStepPtr make_torch(const Knee&);
RuntimeStepPtr make_runtime(const Knee&, Weights&);

}  // namespace fluvox::flow
