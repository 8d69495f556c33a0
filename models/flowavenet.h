// FloWaveNet (Kim and others 2018): blocks that each squeeze by 2, of flows of an ActNorm and an
// affine coupling with alternating halves, of the condition too; in the middle half the channels
// leave under a learned prior. Structure as docs/models/flowavenet.md.
#pragma once

#include "core/config.h"
#include "flow/spec.h"
#include "mel/convention.h"

namespace fluvox::models {

struct FloWaveNet {
  int blocks = 8;
  int flows = 6;
  int channels = 256;
  int layers = 2;
};

template <class Visitor>
void fields(Visitor& v, FloWaveNet& m) {
  v("blocks", m.blocks, "context blocks, each squeezing by 2", Range{1, 12});
  v("flows", m.flows, "flows in a block, even", Range{2, 64});
  v("channels", m.channels, "channels of each network", Range{1, 4096});
  v("layers", m.layers, "gated layers of each network", Range{1, 20});
}

flow::Spec spec_of(const FloWaveNet&, const mel::Convention&);

}  // namespace fluvox::models
