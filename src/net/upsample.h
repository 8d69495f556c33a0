// Upsample: WaveGlow's conditioner, a learned upsampler from frames to samples, unfolded to groups.
//   up = ConvTranspose1d(mel), bands -> bands, kernel taps, stride hop; the first hop F samples
//   features[band * group + j, t] = up[band, group t + j]          mel-major
// Sample n depends on frames floor(n / hop) - (kernel / hop - 1) .. floor(n / hop) only: it is
// causal. Beyond the first frame stand zeros. Shapes: mel [bands, F] -> features [bands group, F
// hop / group]. In the spec: {"kind": "upsample", "bands": 80, "kernel": 1024, "hop": 256, "group":
// 8}. Tensors: weight [bands (in), bands (out), kernel], bias [bands].
#pragma once

#include "core/config.h"
#include "net/net.h"

namespace fluvox::net {

struct Upsample {
  int bands = 80;
  int kernel = 1024;
  int hop = 256;
  int group = 8;
};

template <class Visitor>
void fields(Visitor& v, Upsample& n) {
  v("bands", n.bands, "bands of the mel spectrogram", Range{1, 1024});
  v("kernel", n.kernel, "taps, a multiple of hop", Range{1, 65536});
  v("hop", n.hop, "samples in a frame, a multiple of group", Range{1, 16384});
  v("group", n.group, "samples in a group", Range{1, 65536});
}

Margins margins(const Upsample&);
TorchConditionerPtr make_torch(const Upsample&);
RuntimeConditionerPtr make_runtime(const Upsample&, Weights&);

}  // namespace fluvox::net
