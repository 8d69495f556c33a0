// How far the mel of what the flow makes lies from the mel that it was made for.
//
// A mel is a function of its audio, so under the true density p(x | mel) every sample has exactly
// the mel it was drawn for: at the truth this loss is 0, and beside the likelihood it pulls the
// same way. It tells a model of finite size what the likelihood tells it only dimly, since an error
// of level costs few nats: that what it makes should be as loud in every band as it was asked to
// be.
//   loss = mean over frames and bands of | ln m(x) - ln m(y) |
//        + mean over segments of | ln sum m(x)^2 - ln sum m(y)^2 | / 2
//        + mean over parts of max(T(x) - T(y) - 0.25, 0) / 2
//        + mean over parts and places of max(| ln R(x) - ln R(y) | - 0.05, 0)
// over the frames whose windows lie inside; m = max(filters . |STFT|, floor); x is a sample, y the
// recording whose mel it was given.
// The first term alone is content with copies that are too quiet, since it looks at medians of
// logarithms and loudness is a mean of powers.
//
// And the cheapest sound with a given mel repeats itself from frame to frame, which is heard as a
// buzz at the frames' rate. T says how far its lines stand out, from an FFT of all whole frames, N
// samples under a Hann window. The lines k = 1 .. hop/2 - 1 make eight parts, low to high:
//   T = mean over the part's k, and over segments, of ln P[k N / hop] - ln (mean of P around it)
// What chance alone makes of T is within that 0.25 for the most part: the loss shall not teach a
// model to be less random than it is. Around it: nearer to this line than to the next, and an
// eighth of that way off at least.
//
// Nor does a mel tell when within a hop the noise in it sounds: its window spans four of them. The
// surest way to a given mel is a pulse in the middle of each frame, which is a buzz too, without
// lines. So a hop is cut into eight places, and the power p of a place, from a Hann window of two
// of them, in eight parts of its bins, is held against that of its hop:
//   R = mean over hops, and over segments, of p / (mean of p over the hop's places)
#pragma once

#include <torch/torch.h>

#include "mel/convention.h"

namespace fluvox::train {

class MelLoss {
 public:
  explicit MelLoss(const mel::Convention& convention);

  static constexpr int kLeastFrames = 16;

  // x, y [B, T], T at least kLeastFrames frames and the convention's fft
  torch::Tensor operator()(const torch::Tensor& x, const torch::Tensor& y) const;

 private:
  torch::Tensor log_mel(const torch::Tensor& x) const;  // [B, bands, frames]
  torch::Tensor tones(const torch::Tensor& x) const;    // [parts]
  torch::Tensor pulses(const torch::Tensor& x) const;   // [parts, places]

  mel::Convention convention_;
  torch::Tensor filters_, window_;  // [bands, bins], [window]
};

}  // namespace fluvox::train
