// Masked autoregressive step (MAF), and the same turned round (IAF). The net is autoregressive:
// what it says at a place depends on the places before it alone, in time (net/causal_wn.h) or from
// channel to channel (MADE, net/mlp.h).
//   parallel "forward", MAF:    (b, raw) = net(x, cond)      parallel "inverse", IAF: net(z, cond)
//   s = limit tanh(raw / limit), or raw itself where limit is 0
//   z_t = (x_t - b_t) exp(-s_t),      x_t = z_t exp(s_t) + b_t        log|det dz/dx| = -sum s
// The Jacobian is triangular, since b_t and s_t do not see x_t. MAF: the density takes one call of
// the net, sampling one for every place; IAF: sampling takes one and the density one for each. A
// flow whose likelihood is to be trained wants MAF; IAF is for a student that learns from samples.
// Shapes: x, z [channels, T]; net output [2 channels, T] = [b; raw].
// In the spec: {"kind": "masked", "channels": 1, "parallel": "forward", "limit": 0, "net": {...}}.
// Tensors: net.*
#pragma once

#include <string>

#include "core/config.h"
#include "flow/step.h"

namespace fluvox::flow {

struct Masked {
  int channels = 1;
  std::string parallel = "forward";
  double limit = 0;
  Json net = Json::object();
};

template <class Visitor>
void fields(Visitor& v, Masked& s) {
  v("channels", s.channels, "channels of the step", Range{1, 4096});
  v("parallel", s.parallel, "the direction that takes one call of the net",
    OneOf{"forward", "inverse"});
  v("limit", s.limit, "bound of the log-scale: limit tanh(raw / limit); 0: none", Range{0, 10});
  v("net", s.net, "the network inside, an autoregressive one");
}

inline Ways ways(const Masked& step) {
  return {step.parallel == "forward", step.parallel == "inverse"};
}

TorchStepPtr make_torch(const Masked&);
RuntimeStepPtr make_runtime(const Masked&, Weights&);

}  // namespace fluvox::flow
