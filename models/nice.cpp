#include "models/nice.h"

#include "flow/registry.h"
#include "models/scales.h"

namespace fluvox::models {

flow::Spec spec_of(const Nice& m, const mel::Convention& convention) {
  flow::Spec spec;
  spec.model = "nice";
  spec.mel = to_json(convention);
  spec.conditioner = upsampler(convention, m.group);
  spec.steps = multi_scale(m.group, 1, [&](const Place& place) {
    std::vector<Json> steps;
    for (int k = 0; k < m.couplings; ++k)
      steps.push_back(
          part_to_json("coupling", flow::Coupling{.channels = place.channels,
                                                  .keep = k % 2 == 0 ? "first" : "second",
                                                  .scale = "none",
                                                  .net = wn_at(place, place.channels / 2,
                                                               m.channels, m.layers, convention)}));
    steps.push_back(part_to_json("scale", flow::Scale{place.channels}));
    return steps;
  });
  return spec;
}

}  // namespace fluvox::models
