#include "models/waveglow.h"

#include "flow/registry.h"

namespace fluvox::models {

flow::Spec spec_of(const WaveGlow& m, const mel::Convention& convention) {
  flow::Spec spec;
  spec.model = "waveglow";
  spec.mel = to_json(convention);
  // The published kernel is 1024 at a hop of 256: each sample hears the last four frames.
  spec.conditioner = part_to_json("upsample", net::Upsample{.bands = convention.bands,
                                                            .kernel = 4 * convention.hop,
                                                            .hop = convention.hop,
                                                            .group = m.group});
  spec.steps = waveglow_steps(m.group, m.flows, m.early_every, m.early_size, [&](int channels) {
    return part_to_json("wn", net::Wn{.inputs = channels / 2,
                                      .outputs = channels,
                                      .channels = m.channels,
                                      .layers = m.layers,
                                      .kernel = 3,
                                      .condition = convention.bands * m.group});
  });
  return spec;
}

std::vector<Json> waveglow_steps(int group, int flows, int early_every, int early_size,
                                 const std::function<Json(int channels)>& net_of) {
  std::vector<Json> steps = {part_to_json("squeeze", flow::Squeeze{group})};
  int channels = group;
  for (int k = 0; k < flows; ++k) {
    if (k > 0 && k % early_every == 0) {
      steps.push_back(part_to_json("split", flow::Split{early_size}));
      channels -= early_size;
    }
    if (channels < 2 || channels % 2 != 0)
      config::refuse("model",
                     text("expected an even number of channels in flow ", k, ", found ", channels,
                          "; fewer early exits or a larger group would leave some"));
    steps.push_back(part_to_json("invertible1x1", flow::Invertible1x1{channels}));
    flow::Coupling coupling;
    coupling.channels = channels;
    coupling.net = net_of(channels);
    steps.push_back(part_to_json("coupling", coupling));
  }
  return steps;
}

}  // namespace fluvox::models
