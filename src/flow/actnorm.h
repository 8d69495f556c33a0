// ActNorm (Glow): a shift and a factor a channel, set from the first data seen so that z has mean 0
// and variance 1 there, and learned from then on.
//   z[c, t] = exp(log_scale[c]) (x[c, t] + bias[c])     log|det| = T sum log_scale   [channels, T]
// `initialised` (0 or 1) is saved with the model, so that nothing is set twice; it and the
// parameters are ordinary state: where several processes train, one sets them and broadcasts. In
// the spec: {"kind": "actnorm", "channels": 8}. Tensors: log_scale, bias [channels]; initialised
// [1].
#pragma once

#include "core/config.h"
#include "flow/step.h"

namespace fluvox::flow {

struct ActNorm {
  int channels = 8;
};

template <class Visitor>
void fields(Visitor& v, ActNorm& s) {
  v("channels", s.channels, "channels of the step", Range{1, 65536});
}

TorchStepPtr make_torch(const ActNorm&);
RuntimeStepPtr make_runtime(const ActNorm&, Weights&);

}  // namespace fluvox::flow
