// A checkpoint of another project as a model of ours.
//
//   Checkpoint checkpoint = Checkpoint::read("waveglow_256.pt");
//   Converted model = convert(checkpoint, {});
//   flow::write_model("waveglow_256.safetensors", model.spec, model.tensors);
//
// What the tensors' names and shapes show is taken from them: flows, group, early exits, layers,
// channels, kernels, bands. What they cannot show comes from the options or is assumed, and said.
// Every tensor must be understood and used: one that is missing, unknown, of a wrong shape, or
// holds what is no number is refused by name.
//
// WaveGlow (models/waveglow.h) in every layout of NVIDIA's code:
//   cond_layer, one for all layers      or  cond_layers.i
//   res_skip_layers.i, [res; skip]      or  res_layers.i and skip_layers.i (the oldest)
// The class glow_old.WaveGlow alternates the half that conditions; names and shapes are the same.
// SqueezeWave (models/squeezewave.h): in_layers.i.0 batch norm, .1 depthwise, .2 pointwise.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "flow/model_file.h"
#include "import/checkpoint.h"
#include "import/published_config.h"
#include "mel/convention.h"

namespace fluvox::imports {

struct ConvertOptions {
  mel::Convention convention = {};            // of the mels that the model was trained on
  std::optional<bool> alternate_halves = {};  // in place of what the class says
  double sigma = 0.6;                         // the paper's temperature
  PublishedConfig config = {};
};

struct Converted {
  flow::Spec spec;
  Tensors tensors;
  std::vector<std::string> assumed = {};  // sentences: what the file could not tell
};

Converted convert(Checkpoint& checkpoint, const ConvertOptions& options);

}  // namespace fluvox::imports
