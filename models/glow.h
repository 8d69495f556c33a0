// Glow (Kingma, Dhariwal 2018) as a vocoder: ActNorm, an invertible 1x1 convolution in LU form and
// a coupling whose scale is sigmoid(raw + 2), many times; half the channels leave between two
// scales. Structure as docs/models/squeezed.md.
#pragma once

#include "core/config.h"
#include "flow/spec.h"
#include "mel/convention.h"

namespace fluvox::models {

struct Glow {
  int group = 8;
  int scales = 3;
  int flows = 8;
  int channels = 128;
  int layers = 4;
};

template <class Visitor>
void fields(Visitor& v, Glow& m) {
  v("group", m.group, "samples squeezed into a group at the first scale, even", Range{2, 1024});
  v("scales", m.scales, "scales; each has rows twice as long as the one before", Range{1, 8});
  v("flows", m.flows, "ActNorm, 1x1 convolution and coupling, at each scale", Range{1, 256});
  v("channels", m.channels, "channels of each WN", Range{1, 4096});
  v("layers", m.layers, "gated layers of each WN", Range{1, 24});
}

flow::Spec spec_of(const Glow&, const mel::Convention&);

}  // namespace fluvox::models
