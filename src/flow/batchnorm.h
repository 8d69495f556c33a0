// Batch normalisation as a step (RealNVP, MAF): a channel is standardised by its mean m and
// variance v, then scaled and shifted.
//   z[c, t] = exp(log_scale[c]) (x[c, t] - m[c]) / sqrt(v[c] + epsilon) + shift[c]
//   log|det| = T sum (log_scale - 1/2 ln(v + epsilon))                             [channels, T]
// In evaluation m and v are the running statistics, which are saved: an affine bijection. In
// training they are those of the batch, and held: the inverse uses those of the last forward, and
// the log-determinant is that of the map with them held (the items of a batch depend on each other
// through m and v, which a density of one item cannot count).
// In the spec: {"kind": "batchnorm", "channels": 8, "momentum": 0.1, "epsilon": 1e-5}. Tensors:
// log_scale, shift, running_mean, running_variance [channels].
#pragma once

#include "core/config.h"
#include "flow/step.h"

namespace fluvox::flow {

struct BatchNorm {
  int channels = 8;
  double momentum = 0.1;
  double epsilon = 1e-5;
};

template <class Visitor>
void fields(Visitor& v, BatchNorm& s) {
  v("channels", s.channels, "channels of the step", Range{1, 65536});
  v("momentum", s.momentum, "share of a batch in the running statistics", Range{0, 1});
  v("epsilon", s.epsilon, "added to the variance", Range{1e-12, 1});
}

TorchStepPtr make_torch(const BatchNorm&);
RuntimeStepPtr make_runtime(const BatchNorm&, Weights&);

}  // namespace fluvox::flow
