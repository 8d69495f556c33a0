// WaveGlow (Prenger, Valle, Catanzaro 2018): squeeze by 8, then flows of an invertible 1x1
// convolution and an affine coupling around a WN; every few flows two channels leave early.
// Structure as docs/models/waveglow.md.
#pragma once

#include <functional>
#include <vector>

#include "core/config.h"
#include "flow/spec.h"
#include "mel/convention.h"

namespace fluvox::models {

struct WaveGlow {
  int channels = 256;
  int layers = 8;
  int flows = 12;
  int group = 8;
  int early_every = 4;
  int early_size = 2;
};

template <class Visitor>
void fields(Visitor& v, WaveGlow& m) {
  v("channels", m.channels, "channels of each WN", Range{1, 4096});
  v("layers", m.layers, "gated layers of each WN", Range{1, 24});
  v("flows", m.flows, "pairs of 1x1 convolution and coupling", Range{1, 256});
  v("group", m.group, "samples squeezed into a group", Range{2, 1024});
  v("early_every", m.early_every, "flows between early exits", Range{1, 256});
  v("early_size", m.early_size, "channels that leave at each", Range{2, 1024});
}

flow::Spec spec_of(const WaveGlow&, const mel::Convention&);

// The steps of a WaveGlow around any net: squeeze, then in every flow an early exit where it is
// due, a 1x1 convolution and a coupling with net_of(the flow's channels).
std::vector<Json> waveglow_steps(int group, int flows, int early_every, int early_size,
                                 const std::function<Json(int channels)>& net_of);

}  // namespace fluvox::models
