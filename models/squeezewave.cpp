#include "models/squeezewave.h"

#include "flow/registry.h"
#include "models/waveglow.h"

namespace fluvox::models {

flow::Spec spec_of(const SqueezeWave& m, const mel::Convention& convention) {
  flow::Spec spec;
  spec.model = "squeezewave";
  spec.mel = to_json(convention);
  spec.conditioner = part_to_json(
      "frames", net::Frames{.bands = convention.bands, .hop = convention.hop, .group = m.group});
  spec.steps = waveglow_steps(m.group, m.flows, m.early_every, m.early_size, [&](int channels) {
    return part_to_json("separable", net::Separable{.inputs = channels / 2,
                                                    .outputs = channels,
                                                    .channels = m.channels,
                                                    .layers = m.layers,
                                                    .kernel = 3,
                                                    .condition = convention.bands});
  });
  return spec;
}

}  // namespace fluvox::models
