#include "models/autoregressive.h"

#include "flow/registry.h"

namespace fluvox::models {
namespace {

template <class Model>
flow::Spec causal_spec(const std::string& name, const std::string& parallel, const Model& m,
                       const mel::Convention& convention) {
  flow::Spec spec;
  spec.model = name;
  spec.mel = to_json(convention);
  spec.conditioner =
      part_to_json("upsample2d", net::Upsample2d{.bands = convention.bands,
                                                 .strides = net::strides_of(convention.hop),
                                                 .group = 1});
  const net::CausalWn net{.inputs = 1,
                          .outputs = 2,
                          .channels = m.channels,
                          .layers = m.layers,
                          .cycle = m.cycle,
                          .kernel = m.kernel,
                          .front = m.front,
                          .condition = convention.bands};
  for (int k = 0; k < m.flows; ++k)
    spec.steps.push_back(
        part_to_json("masked", flow::Masked{1, parallel, 0, part_to_json("causal_wn", net)}));
  return spec;
}

}  // namespace

flow::Spec spec_of(const Maf& m, const mel::Convention& convention) {
  return causal_spec("maf", "forward", m, convention);
}

flow::Spec spec_of(const Iaf& m, const mel::Convention& convention) {
  return causal_spec("iaf", "inverse", m, convention);
}

}  // namespace fluvox::models
