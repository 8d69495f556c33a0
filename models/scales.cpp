#include "models/scales.h"

#include "flow/registry.h"

namespace fluvox::models {

Json upsampler(const mel::Convention& convention, int group, int frames) {
  return part_to_json("upsample", net::Upsample{.bands = convention.bands,
                                                .kernel = frames * convention.hop,
                                                .hop = convention.hop,
                                                .group = group});
}

Json wn_at(const Place& place, int outputs, int channels, int layers,
           const mel::Convention& convention) {
  return part_to_json("wn", net::Wn{.inputs = place.channels / 2,
                                    .outputs = outputs,
                                    .channels = channels,
                                    .layers = layers,
                                    .kernel = 3,
                                    .condition = convention.bands * place.samples});
}

std::vector<Json> multi_scale(int group, int scales,
                              const std::function<std::vector<Json>(const Place&)>& steps_at) {
  if (group % 2 != 0)
    config::refuse("model", text("expected an even number of samples in a group, found ", group));
  Place place = {group, group};
  std::vector<Json> steps = {part_to_json("squeeze", flow::Squeeze{group})};
  for (int scale = 0; scale < scales; ++scale) {
    if (scale > 0) {
      const int half = place.channels / 2;
      steps.push_back(part_to_json("split", flow::Split{half}));
      steps.push_back(part_to_json("squeeze", flow::Squeeze{2, half}));
      place.samples *= 2;
    }
    for (Json& step : steps_at(place)) steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace fluvox::models
