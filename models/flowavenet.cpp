#include "models/flowavenet.h"

#include "flow/registry.h"
#include "models/scales.h"

namespace fluvox::models {
namespace {

Json coupling(const FloWaveNet& m, const Place& place, const std::string& keep,
              const std::string& condition, int bands) {
  const int seen = bands * place.samples / (condition == "half" ? 2 : 1);
  const net::CausalWn net{.inputs = place.channels / 2,
                          .outputs = place.channels,
                          .channels = m.channels,
                          .layers = m.layers,
                          .cycle = m.layers,
                          .kernel = 3,
                          .front = 3,
                          .condition = seen,
                          .causal = false};
  return part_to_json("coupling", flow::Coupling{.channels = place.channels,
                                                 .keep = keep,
                                                 .condition = condition,
                                                 .net = part_to_json("causal_wn", net)});
}

}  // namespace

flow::Spec spec_of(const FloWaveNet& m, const mel::Convention& convention) {
  flow::Spec spec;
  spec.model = "flowavenet";
  spec.mel = to_json(convention);
  spec.conditioner =
      part_to_json("upsample2d", net::Upsample2d{.bands = convention.bands,
                                                 .strides = net::strides_of(convention.hop),
                                                 .group = 1});
  Place place = {1, 1};
  for (int block = 1; block <= m.blocks; ++block) {
    spec.steps.push_back(part_to_json("squeeze", flow::Squeeze{2, place.channels}));
    place = {2 * place.channels, 2 * place.samples};
    for (int k = 0; k < m.flows; ++k) {
      spec.steps.push_back(part_to_json("actnorm", flow::ActNorm{place.channels}));
      // Instead of swapping the halves after each flow, the other half is kept.
      spec.steps.push_back(
          coupling(m, place, k % 2 == 0 ? "first" : "second", "half", convention.bands));
    }
    if (2 * block != m.blocks) continue;
    // The prior: mean and scale of what leaves, from what stays.
    spec.steps.push_back(coupling(m, place, "second", "all", convention.bands));
    spec.steps.push_back(part_to_json("split", flow::Split{place.channels / 2}));
    place.channels /= 2;
  }
  return spec;
}

}  // namespace fluvox::models
