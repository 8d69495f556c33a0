// Squeeze: `group` neighbouring samples become the channels of one time step. A permutation:
// log-det 0.
//   z[j, t] = x[0, group * t + j]          x [1, T] -> z [group, T / group]
// In the spec: {"kind": "squeeze", "group": 8}. Error when T is not a multiple of `group`.
#pragma once

#include "core/config.h"
#include "flow/step.h"

namespace fluvox::flow {

struct Squeeze {
  int group = 8;
};

template <class Visitor>
void fields(Visitor& v, Squeeze& s) {
  v("group", s.group, "samples in a group", Range{2, 65536});
}

TorchStepPtr make_torch(const Squeeze&);
RuntimeStepPtr make_runtime(const Squeeze&, Weights&);

}  // namespace fluvox::flow
