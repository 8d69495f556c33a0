// WaveGlow's tensors, from the names of NVIDIA's code to those of our spec.
#pragma once

#include <string>

#include "import/checkpoint.h"
#include "models/waveglow.h"

namespace fluvox::imports {

// What names and shapes show. `early` is false where no channel leaves early, and then early_every
// and early_size are of no account. `hop` is needed to express the upsampler's kernel in frames.
struct WaveGlowShape {
  models::WaveGlow settings;
  int bands = 0;
  bool early = false;
  std::string layout;  // the names that tell one from the other: "cond_layers, res_skip_layers"
};
WaveGlowShape shape_of_waveglow(const Checkpoint& checkpoint, int hop);

// Every tensor that the spec names. The checkpoint's are taken; see Checkpoint::refuse_leftovers.
Tensors waveglow_tensors(Checkpoint& checkpoint, const WaveGlowShape& shape,
                         const flow::Spec& spec);

// The early exits of a list of 1x1 convolutions, for any model that has them.
struct EarlyExits {
  int flows = 0, group = 0;
  int every = 0, size = 0;  // 0 where there are none
};
EarlyExits early_exits(const Checkpoint& checkpoint);

}  // namespace fluvox::imports
