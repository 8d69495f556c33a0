// The density of source-filter speech (oracles/speech.h) given the features of some clips, on
// tensors and differentiable: what a flow that only samples is taught by.
#pragma once

#include <torch/torch.h>

#include "support/oracles/speech.h"

namespace fluvox::likelihood {

class SpeechDensity {
 public:
  // Of as many clips as x will have items; only their features are used.
  SpeechDensity(const oracles::SourceFilterSpeech& speech, int hop,
                const std::vector<oracles::Clip>& clips, at::ScalarType type);

  // [B, T] -> [B]: sum over t of log N(x_t; sum_k a_k x_{t-k} + G pulse_t, G^2)
  torch::Tensor log_prob(const torch::Tensor& x) const;

 private:
  torch::Tensor filter_, push_, gain_;  // [order, B, T], [B, T], [B, T]
};

}  // namespace fluvox::likelihood
