// Integrated loudness of one channel by ITU-R BS.1770-4, in LUFS, and levelling by it.
//
//   K-weighting: a shelf (+4 dB above 1.7 kHz: the head), then a high-pass at 38 Hz, as biquads
//   block j:     l_j = -0.691 + 10 log10(mean square over 400 ms), a new block every 100 ms
//   gates:       drop blocks below -70 LUFS, then those 10 LU below the loudness of the rest
//   loudness:    -0.691 + 10 log10(mean over the blocks left of their mean squares)
//
// The standard gives the coefficients at 48 kHz only; at other rates they come from the same
// analogue filters by the bilinear transform. One channel counts once: a full-scale 997 Hz sine is
// -3.01 LUFS.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

namespace fluvox::audio {

struct Biquad {
  double b0, b1, b2, a1, a2;  // a0 = 1
};

// The shelf and the high-pass for this rate.
std::array<Biquad, 2> k_weighting(int rate);

// -infinity where every block is below the absolute gate. A sound shorter than a block is taken as
// one block.
double integrated_loudness(std::span<const float> samples, int rate);

struct Normalization {
  enum class Kind { none, peak, lufs };
  Kind kind = Kind::none;
  double lufs = 0;  // the loudness wanted

  // "none", "peak" or "lufs:N", N from -70 to 0.
  static Normalization parse(std::string_view text);
};

struct NormalizationReport {
  double gain = 1;  // every sample was multiplied by it
  bool limited =
      false;  // the loudness wanted would have clipped: the peak is at full scale instead
};

// peak: the largest magnitude becomes 32767/32768. lufs: the loudness becomes the one wanted,
// unless the peak would pass full scale. Silence stays as it is.
NormalizationReport apply_normalization(std::vector<float>& samples, int rate,
                                        const Normalization& wanted);

}  // namespace fluvox::audio
