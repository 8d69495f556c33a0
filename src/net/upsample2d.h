// Upsample over the mel as a picture (ClariNet, FloWaveNet, WaveFlow): two transposed convolutions
// of one channel in and out, `strides` times along the frames, each followed by a leaky ReLU; then
// the samples are unfolded to groups.
//   u_0 = mel;  u_i = leaky(ConvTranspose2d_i(u_(i-1)))  3 bands x 2 stride taps, stride (1,
//   stride) u_i[b, n] = leaky(bias + sum over j, k with stride j + k - floor(stride / 2) = n, over
//   i:
//                            w[i, k] u_(i-1)[b + 1 - i, j]),        leaky(a) = a, or 0.4 a below 0
//   features[band * group + j, t] = u_2[band, group t + j]                          mel-major
// hop = strides[0] * strides[1]. Sample n depends on the frames floor(n / hop) - 1 .. + 1 only.
// Beyond the bands stand zeros, beyond the ends of an utterance its first and last frame.
// Shapes: mel [bands, F] -> features [bands group, F hop / group].
// In the spec: {"kind": "upsample2d", "bands": 80, "strides": [16, 16], "group": 16}. Tensors:
// layers.0 and layers.1, each .weight [1, 1, 3, 2 stride] and .bias [1].
#pragma once

#include <vector>

#include "core/config.h"
#include "net/net.h"

namespace fluvox::net {

struct Upsample2d {
  int bands = 80;
  std::vector<int> strides = {16, 16};
  int group = 1;

  int hop() const { return strides[0] * strides[1]; }
};

inline constexpr double kLeak = 0.4;  // what is left of a value below 0

template <class Visitor>
void fields(Visitor& v, Upsample2d& n) {
  v("bands", n.bands, "bands of the mel spectrogram", Range{1, 1024});
  v("strides", n.strides, "the two factors of the hop, the first of at least 2");
  v("group", n.group, "samples in a group, a divisor of the hop", Range{1, 65536});
}

void check(const Upsample2d&);
std::vector<int> strides_of(int hop);  // its two factors nearest to each other, the larger first
inline constexpr Margins kUpsample2dMargins = {1, 1, Margins::Beyond::nearest_frame};

TorchConditionerPtr make_torch(const Upsample2d&);
RuntimeConditionerPtr make_runtime(const Upsample2d&, Weights&);

}  // namespace fluvox::net
