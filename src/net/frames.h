// Frames: SqueezeWave's conditioner, the mel spectrogram itself at the rate of the groups.
//   features[b, t] = mel[b, floor(group t / hop)]        every frame hop / group times
// Nothing is learned, and a group sees its own frame alone.
// Shapes: mel [bands, F] -> features [bands, F hop / group].
// In the spec: {"kind": "frames", "bands": 80, "hop": 256, "group": 128}. No tensors.
#pragma once

#include "core/config.h"
#include "net/net.h"

namespace fluvox::net {

struct Frames {
  int bands = 80;
  int hop = 256;
  int group = 256;
};

template <class Visitor>
void fields(Visitor& v, Frames& n) {
  v("bands", n.bands, "bands of the mel spectrogram", Range{1, 1024});
  v("hop", n.hop, "samples in a frame, a multiple of group", Range{1, 16384});
  v("group", n.group, "samples in a group", Range{1, 65536});
}

int groups_of_a_frame(const Frames&);  // refuses a hop that is no multiple of the group

TorchConditionerPtr make_torch(const Frames&);
RuntimeConditionerPtr make_runtime(const Frames&, Weights&);

}  // namespace fluvox::net
