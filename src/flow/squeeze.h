// Squeeze: `group` neighbouring rows become one, and their samples channels of it. A permutation:
// log-det 0.
//   z[c * group + j, t] = x[c, group * t + j]       x [channels, T] -> z [channels group, T /
//   group]
// Of one channel this is also WaveFlow's folding of the audio into a matrix: `group` adjacent
// samples stand in a column, so the channels are its rows. In the spec: {"kind": "squeeze",
// "group": 8, "channels": 1}. Error when T is not a multiple of `group`.
#pragma once

#include "core/config.h"
#include "flow/step.h"

namespace fluvox::flow {

struct Squeeze {
  int group = 8;
  int channels = 1;
};

template <class Visitor>
void fields(Visitor& v, Squeeze& s) {
  v("group", s.group, "rows in a group", Range{2, 65536});
  v("channels", s.channels, "channels that enter", Range{1, 65536});
}

TorchStepPtr make_torch(const Squeeze&);
RuntimeStepPtr make_runtime(const Squeeze&, Weights&);

}  // namespace fluvox::flow
