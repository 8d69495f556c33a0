// Whitening: every bin is divided by the amplitude that the mel spectrogram predicts for it.
//   z[k, t] = x[k, t] exp(-(log_scale[k, t] + bias[k]))        log|det| = -sum (log_scale + bias)
// log_scale is the conditioner's (net/spectral.h); the bias is set from the first data seen, so
// that z starts with unit variance in every bin. Shapes: x, z [bins, frames]; log_scale
// [frames][bins]. In the spec: {"kind": "whiten", "bins": 256}. Tensor: bias [bins].
#pragma once

#include "core/config.h"
#include "flow/step.h"

namespace fluvox::flow {

struct Whiten {
  int bins = 256;
};

template <class Visitor>
void fields(Visitor& v, Whiten& s) {
  v("bins", s.bins, "bins of the spectrum", Range{1, 8192});
}

TorchStepPtr make_torch(const Whiten&);
RuntimeStepPtr make_runtime(const Whiten&, Weights&);

}  // namespace fluvox::flow
