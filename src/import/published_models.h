// WaveGlow and SqueezeWave as their published code names their tensors.
#pragma once

#include <string>

#include "flow/spec.h"
#include "import/checkpoint.h"
#include "models/squeezewave.h"
#include "models/waveglow.h"

namespace fluvox::imports {

// What the names and shapes of a checkpoint show. Where `early` is false no channel leaves early,
// and early_every and early_size are of no account.
template <class Settings>
struct Shown {
  Settings settings;
  int bands = 0;
  bool early = false;
  std::string layout = {};  // the names by which layouts differ: "cond_layers, res_skip_layers"
};

// `hop` is that of the mel convention: shapes do not show it.
Shown<models::WaveGlow> shown_waveglow(const Checkpoint& checkpoint, int hop);
Shown<models::SqueezeWave> shown_squeezewave(const Checkpoint& checkpoint);

// Every tensor that a spec of such a model names. The checkpoint's are taken.
Tensors waveglow_tensors(Checkpoint& checkpoint, const flow::Spec& spec);
Tensors squeezewave_tensors(Checkpoint& checkpoint, const flow::Spec& spec);

}  // namespace fluvox::imports
