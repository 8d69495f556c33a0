#include "models/glow.h"

#include "flow/registry.h"
#include "models/scales.h"

namespace fluvox::models {

flow::Spec spec_of(const Glow& m, const mel::Convention& convention) {
  flow::Spec spec;
  spec.model = "glow";
  spec.mel = to_json(convention);
  spec.conditioner = upsampler(convention, m.group);
  spec.steps = multi_scale(m.group, m.scales, [&](const Place& place) {
    std::vector<Json> steps;
    for (int k = 0; k < m.flows; ++k) {
      steps.push_back(part_to_json("actnorm", flow::ActNorm{place.channels}));
      steps.push_back(part_to_json("invertible1x1", flow::Invertible1x1{place.channels, "lu"}));
      steps.push_back(part_to_json(
          "coupling",
          flow::Coupling{.channels = place.channels,
                         .scale = "sigmoid",
                         .net = wn_at(place, place.channels, m.channels, m.layers, convention)}));
    }
    return steps;
  });
  return spec;
}

}  // namespace fluvox::models
