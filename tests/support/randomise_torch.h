// What begins at zero (factors, shifts, logarithms of scales) made to matter, so that a test of a
// fresh flow is not vacuous. Last layers of nets: TorchFlow::randomise_last_layers.
#pragma once

#include <torch/torch.h>

#include "flow/flow_torch.h"

namespace fluvox::support {

inline void randomise_zeros(flow::TorchFlow& flow) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(21);
  for (auto& [name, weight] : flow.weights())
    if (weight.abs().max().item<double>() == 0) weight.normal_(0, 0.2);
}

}  // namespace fluvox::support
