#include "models/realnvp.h"

#include "flow/registry.h"
#include "models/scales.h"

namespace fluvox::models {

flow::Spec spec_of(const RealNvp& m, const mel::Convention& convention) {
  flow::Spec spec;
  spec.model = "realnvp";
  spec.mel = to_json(convention);
  spec.conditioner = upsampler(convention, m.group);
  spec.steps = multi_scale(m.group, m.scales, [&](const Place& place) {
    std::vector<Json> steps;
    for (const char* keep : {"even", "odd", "even", "first", "second", "first"}) {
      steps.push_back(part_to_json(
          "coupling",
          flow::Coupling{.channels = place.channels,
                         .keep = keep,
                         .limit = m.limit,
                         .net = wn_at(place, place.channels, m.channels, m.layers, convention)}));
      steps.push_back(part_to_json("batchnorm", flow::BatchNorm{place.channels}));
    }
    return steps;
  });
  return spec;
}

}  // namespace fluvox::models
