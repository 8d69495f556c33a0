// WaveFlow (Ping and others 2020): the audio folded into rows, flows of a row coupling each, with
// the rows turned round between them. Few rows make it a WaveGlow, as many as samples a WaveNet.
// Structure as docs/models/waveflow.md.
#pragma once

#include "core/config.h"
#include "flow/spec.h"
#include "mel/convention.h"

namespace fluvox::models {

struct WaveFlow {
  int height = 16;
  int channels = 64;
  int layers = 8;
  int flows = 8;
};

template <class Visitor>
void fields(Visitor& v, WaveFlow& m) {
  v("height", m.height, "rows that the audio is folded into, even", Range{2, 1024});
  v("channels", m.channels, "channels of each network", Range{1, 4096});
  v("layers", m.layers, "gated layers of each network", Range{1, 8});
  v("flows", m.flows, "row couplings", Range{1, 64});
}

flow::Spec spec_of(const WaveFlow&, const mel::Convention&);

}  // namespace fluvox::models
