// Noise [B, T] of a step's slots, `count` from `first` on: keyed by (seed, step, slot).
#pragma once

#include <torch/torch.h>

namespace fluvox::train {

torch::Tensor noise(uint64_t seed, int64_t step, int first, int count, int64_t samples);

}  // namespace fluvox::train
