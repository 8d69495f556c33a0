// Spectral: the conditioner of `compact`. From the mel it predicts, for every frame t and bin k of
// the lapped transform, how loud the bin is, and a few maps for the couplings to look at. Bin k
// sits at frequency (k + 1/2) rate / (2 bins); block t of the transform is centred between mel
// frames t and t + 1.
//   pair[t]      = [(mel[t] + 5) / 2.5, (mel[t + 1] + 5) / 2.5]                         2 bands
//   channels envelope     = mean over the pair of (mel - band_log_sums), interpolated over
//   frequency to bin k
//                  (band_centres, flat beyond the ends), minus ln 17.4                  [t][k]
//   log_scale    = envelope + 2 tanh(o / 2),  o = 1x1(gelu(conv3(pair)))                hidden,
//   then bins; last
//                                                                                       layer zero
//                                                                                       at the
//                                                                                       start
//   maps         = 1x1(gelu(1x1(gelu(conv3(pair)))))                                    width,
//   width, learned bins features     = [maps (learned), (envelope + 5) / 2.5, 2f - 1, cos(3 pi f)],
//   f = (k + 1/2) / bins
// conv3 has 3 taps over pairs, without padding: the margins are 1 frame before and 2 after, and
// beyond the ends of an utterance its first or last frame is repeated. gelu is the exact one, x
// Phi(x). Shapes: mel [bands, 1 + F + 2] -> log_scale [F, bins], features [learned + 3, F, bins].
// Tensors: scale_in, scale_out, map_in, map_mid, map_out; each .weight [out, in, taps], .bias
// [out]; map_out's outputs are map-major: map * bins + k.
#pragma once

#include <vector>

#include "core/config.h"
#include "net/net.h"

namespace fluvox::net {

struct Spectral {
  int bands = 80;
  int bins = 256;
  int hidden = 96;
  int width = 64;
  int learned = 4;
  double rate = 22050;
  std::vector<double> band_centres;   // hertz, rising
  std::vector<double> band_log_sums;  // ln of the sum of each mel filter
};

template <class Visitor>
void fields(Visitor& v, Spectral& n) {
  v("bands", n.bands, "bands of the mel spectrogram", Range{1, 1024});
  v("bins", n.bins, "bins of the lapped transform", Range{1, 8192});
  v("hidden", n.hidden, "width of the log-scale's net", Range{1, 4096});
  v("width", n.width, "width of the maps' net", Range{1, 4096});
  v("learned", n.learned, "learned maps", Range{1, 64});
  v("rate", n.rate, "samples a second", Range{1000, 768000});
  v("band_centres", n.band_centres, "centre of each mel band in hertz");
  v("band_log_sums", n.band_log_sums, "ln of the sum of each mel filter's weights");
}

inline constexpr double kMelShift = 5,
                        kMelScale = 2.5;  // (mel + 5) / 2.5: about zero mean, unit variance
inline constexpr int kPositionMaps = 2;

// Linear interpolation from bands to bins: bin k = (1 - share[k]) band[lower[k]] + share[k]
// band[lower[k] + 1].
struct Interpolation {
  std::vector<int> lower;
  std::vector<double> share;
};
Interpolation bands_to_bins(const Spectral&);
// The two position maps of every bin, [2][bins], and what the envelope subtracts, ln 17.4: the
// amplitude of a sine's peak in the 1024-point Hann STFT over its MDCT coefficient's, root mean
// square.
std::vector<double> position_maps(const Spectral&);
double envelope_offset();

Margins margins(const Spectral&);
TorchConditionerPtr make_torch(const Spectral&);
RuntimeConditionerPtr make_runtime(const Spectral&, Weights&);

}  // namespace fluvox::net
