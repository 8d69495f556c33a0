// NICE (Dinh, Krueger, Bengio 2014) as a vocoder: additive couplings over squeezed audio, and one
// factor a channel at the end. Its log-determinant does not depend on the audio, nor on the mel.
// Structure as docs/models/squeezed.md.
#pragma once

#include "core/config.h"
#include "flow/spec.h"
#include "mel/convention.h"

namespace fluvox::models {

struct Nice {
  int group = 16;
  int couplings = 8;
  int channels = 128;
  int layers = 4;
};

template <class Visitor>
void fields(Visitor& v, Nice& m) {
  v("group", m.group, "samples squeezed into a group, even", Range{2, 1024});
  v("couplings", m.couplings, "additive couplings", Range{1, 256});
  v("channels", m.channels, "channels of each WN", Range{1, 4096});
  v("layers", m.layers, "gated layers of each WN", Range{1, 24});
}

flow::Spec spec_of(const Nice&, const mel::Convention&);

}  // namespace fluvox::models
