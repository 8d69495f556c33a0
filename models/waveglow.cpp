#include "models/waveglow.h"

#include "flow/registry.h"

namespace fluvox::models {

flow::Spec spec_of(const WaveGlow& m, const mel::Convention& convention) {
  flow::Spec spec;
  spec.model = "waveglow";
  spec.mel = to_json(convention);
  // The published kernel is 1024 at a hop of 256: each sample hears the last four frames.
  spec.conditioner = part_to_json("upsample", net::Upsample{.bands = convention.bands,
                                                            .kernel = m.frames * convention.hop,
                                                            .hop = convention.hop,
                                                            .group = m.group});
  spec.steps.push_back(part_to_json("squeeze", flow::Squeeze{m.group}));
  int channels = m.group;
  for (int k = 0; k < m.flows; ++k) {
    if (k > 0 && k % m.early_every == 0) {
      spec.steps.push_back(part_to_json("split", flow::Split{m.early_size}));
      channels -= m.early_size;
    }
    if (channels < 2 || channels % 2 != 0)
      config::refuse("model",
                     text("expected an even number of channels in flow ", k, ", found ", channels,
                          "; fewer early exits or a larger group would leave some"));
    spec.steps.push_back(part_to_json("invertible1x1", flow::Invertible1x1{channels}));
    const net::Wn wn{.inputs = channels / 2,
                     .outputs = channels,
                     .channels = m.channels,
                     .layers = m.layers,
                     .kernel = m.kernel,
                     .condition = convention.bands * m.group};
    spec.steps.push_back(part_to_json(
        "coupling",
        flow::Coupling{.channels = channels, .limit = 0, .net = part_to_json("wn", wn)}));
  }
  return spec;
}

}  // namespace fluvox::models
