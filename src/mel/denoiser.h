// Takes a vocoder's own constant tone out of its audio, by spectral subtraction with the phase
// kept:
//   |X[frame][k]| <- max(|X[frame][k]| - strength[k] * bias[k], 0)
// in an STFT of fft samples, hop fft/4, periodic Hann, put back together by weighted overlap-add
// (sum of w * frame / sum of w^2), which without subtraction returns the audio.
//
// The bias is what the model renders from a mel that says nothing, at sigma 0. Two forms:
//   WaveGlow's own:  mel of zeros (log-mel 0, which is magnitude 1), the first frame's magnitudes,
//   one strength
//                    for all bins;
//   ours:            mel of true silence (the convention's floor), averaged over the frames, and
//   strength by
//                    bin: tonal_strengths() spares the bins where the bias does not stand out.
#pragma once

#include <span>
#include <vector>

#include "mel/stft.h"

namespace fluvox::mel {

class Denoiser {
 public:
  explicit Denoiser(int fft = 1024);

  int bins() const { return stft_.bins(); }
  // Magnitudes [bins()] of a bias rendering: of its first frame, or the mean over its frames.
  std::vector<double> bias_of_first_frame(std::span<const float> rendering) const;
  std::vector<double> bias_of_average(std::span<const float> rendering) const;

  // `strength` holds one value for each bin. The result is as long as the audio.
  std::vector<float> remove(std::span<const float> audio, std::span<const double> bias,
                            std::span<const double> strength) const;
  std::vector<float> remove(std::span<const float> audio, std::span<const double> bias,
                            double strength) const;

 private:
  Stft stft_;
};

// strength * (1 - floor / bias) for each bin, at least 0, where floor is what a tenth of the bias
// over the `reach` bins on either side lies below: the full strength where a tone stands high above
// its surroundings, none where the bias is level. A tone that repeats with a hop of 256 has a line
// at every fourth of 512 bins, which spreads over three: a median would still lie on its slopes.
std::vector<double> tonal_strengths(std::span<const double> bias, double strength, int reach = 12);

}  // namespace fluvox::mel
