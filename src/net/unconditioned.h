// No condition at all: the flow is a density of the audio alone. Of the mel only the number of
// frames matters. The nets see features of no channels ("condition": 0). Shapes: mel [bands, F] ->
// features [0, F hop / group]. In the spec: {"kind": "none", "bands": 80, "hop": 256, "group": 8}.
// No tensors.
//
// For vectors of D numbers: hop = group = D and one frame, so that a vector is one row after a
// squeeze by D.
#pragma once

#include "core/config.h"
#include "net/net.h"

namespace fluvox::net {

struct Unconditioned {
  int bands = 80;
  int hop = 256;
  int group = 8;
};

template <class Visitor>
void fields(Visitor& v, Unconditioned& n) {
  v("bands", n.bands, "bands of the mel spectrogram, which are not looked at", Range{1, 1024});
  v("hop", n.hop, "samples in a frame, a multiple of group", Range{1, 65536});
  v("group", n.group, "samples in a row of the condition", Range{1, 65536});
}

void check(const Unconditioned&);

TorchConditionerPtr make_torch(const Unconditioned&);
RuntimeConditionerPtr make_runtime(const Unconditioned&, Weights&);

}  // namespace fluvox::net
