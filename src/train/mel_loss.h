// How far the mel of what the flow makes lies from the mel that it was made for.
//
// A mel is a function of its audio, so under the true density p(x | mel) every sample has exactly
// the mel it was drawn for: at the truth this loss is 0, and beside the likelihood it pulls the
// same way. It tells a model of finite size what the likelihood tells it only dimly, since an error
// of level costs few nats: that what it makes should be as loud in every band as it was asked to
// be.
//   loss = mean over frames and bands of | ln m(x) - ln m(y) |       m = max(filters . |STFT|,
//   floor)
//        + mean over segments of | ln sum m(x)^2 - ln sum m(y)^2 | / 2
//        + 100 mean over samples of max(|x| - 1, 0)
// over the frames whose windows lie inside; x is a sample, y the recording whose mel it was given.
// The first term alone is content with copies that are too quiet, since it looks at medians of
// logarithms and loudness is a mean of powers. The third one says that recordings stay within full
// scale (where y does not, its peak stands for 1).
#pragma once

#include <torch/torch.h>

#include "mel/convention.h"

namespace fluvox::train {

class MelLoss {
 public:
  explicit MelLoss(const mel::Convention& convention);

  // x, y [B, T], T at least the convention's fft
  torch::Tensor operator()(const torch::Tensor& x, const torch::Tensor& y) const;

 private:
  torch::Tensor log_mel(const torch::Tensor& x) const;  // [B, bands, frames]

  mel::Convention convention_;
  torch::Tensor filters_, window_;  // [bands, bins], [window]
};

}  // namespace fluvox::train
