// Affine map from the condition alone: a coupling that keeps nothing.
//   (b, raw) = net(cond)       s = limit tanh(raw / limit), or raw where limit is 0
//   z = exp(s) * x + b         x = (z - b) * exp(-s)         log|det| = sum s
// As the last step before a normal base it is the learned conditional normal base N(mu(c),
// sigma(c)), with sigma = exp(-s) and mu = -b exp(-s); as the first it whitens by what the
// condition tells. Shapes: x [channels, T]; the net sees the condition's features as its input
// ("condition": 0) and gives [2 channels, T] = [b; raw]. In the spec: {"kind":
// "conditional_affine", "channels": 8, "limit": 0, "net": {...}}. Tensors: net.*
#pragma once

#include "core/config.h"
#include "flow/step.h"

namespace fluvox::flow {

struct ConditionalAffine {
  int channels = 8;
  double limit = 0;
  Json net = Json::object();
};

template <class Visitor>
void fields(Visitor& v, ConditionalAffine& s) {
  v("channels", s.channels, "channels of the step", Range{1, 65536});
  v("limit", s.limit, "bound of the log-scale: limit tanh(raw / limit); 0: none", Range{0, 10});
  v("net", s.net, "the network inside");
}

TorchStepPtr make_torch(const ConditionalAffine&);
RuntimeStepPtr make_runtime(const ConditionalAffine&, Weights&);

}  // namespace fluvox::flow
