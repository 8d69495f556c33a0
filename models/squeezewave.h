// SqueezeWave (Zhai and others 2020): WaveGlow's steps over groups of 128 or 256 samples, so that
// there are few time steps, with depthwise-separable convolutions in the couplings and the mel
// itself, at its own rate, for a condition. Structure as docs/models/squeezewave.md.
#pragma once

#include "core/config.h"
#include "flow/spec.h"
#include "mel/convention.h"

namespace fluvox::models {

struct SqueezeWave {
  int channels = 256;
  int layers = 8;
  int flows = 12;
  int group = 128;
  int early_every = 2;
  int early_size = 16;
};

template <class Visitor>
void fields(Visitor& v, SqueezeWave& m) {
  v("channels", m.channels, "channels of each coupling's network", Range{1, 4096});
  v("layers", m.layers, "gated layers of each network", Range{1, 64});
  v("flows", m.flows, "pairs of 1x1 convolution and coupling", Range{1, 256});
  v("group", m.group, "samples squeezed into a group", Range{2, 4096});
  v("early_every", m.early_every, "flows between early exits", Range{1, 256});
  v("early_size", m.early_size, "channels that leave at each", Range{2, 4096});
}

flow::Spec spec_of(const SqueezeWave&, const mel::Convention&);

}  // namespace fluvox::models
