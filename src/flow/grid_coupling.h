// Affine coupling over a time x bin grid: every other bin, or every other frame, is kept and
// decides how the ones between are scaled and shifted (RealNVP's alternating masks, on a
// spectrogram).
//   (b, raw) = net(kept, maps)      s = limit tanh(raw / limit)
//   z_kept = x_kept,  z_changed = exp(s) * x_changed + b          log|det| = sum s
// axis "bins":   kept = bins keep, keep + 2, ..., changed = the others; the pair (2j, 2j + 1) meets
// in column j. axis "frames": kept = frames keep, keep + 2, ... Frame 2p + 1 may see frame 2p and
// earlier; where odd frames
//   are kept, they are shifted by one pair (row p holds frame 2p - 1, row 0 zeros), so that frame
//   2p sees only the past: with a net that is causal in time the whole step is causal in time.
// Shapes: x [bins, frames]; the net sees [1 + 2 maps, rows, columns]: the kept half, the
// condition's maps at the changed places, and the maps at the kept places. In the spec: {"kind":
// "grid_coupling", "axis": "bins", "keep": 0, "limit": 1.5, "net": {...}}. Tensors: net.*
#pragma once

#include <string>

#include "core/config.h"
#include "flow/step.h"

namespace fluvox::flow {

struct GridCoupling {
  std::string axis = "bins";
  int keep = 0;
  double limit = 1.5;
  Json net = Json::object();
};

template <class Visitor>
void fields(Visitor& v, GridCoupling& s) {
  v("axis", s.axis, "what alternates", OneOf{"bins", "frames"});
  v("keep", s.keep, "which are kept: 0 the even ones, 1 the odd ones", Range{0, 1});
  v("limit", s.limit, "bound of the log-scale: limit tanh(raw / limit); 0: none", Range{0, 10});
  v("net", s.net, "the network inside");
}

TorchStepPtr make_torch(const GridCoupling&);
RuntimeStepPtr make_runtime(const GridCoupling&, Weights&);

}  // namespace fluvox::flow
