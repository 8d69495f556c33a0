#include "models/waveflow.h"

#include <algorithm>
#include <numeric>

#include "flow/registry.h"

namespace fluvox::models {
namespace {

// So that the net of the published 8 layers sees the whole height.
std::vector<int> row_dilations(const WaveFlow& m) {
  std::vector<int> all(8, 1);
  if (m.height > 16) all = {1, 2, 4, 1, 2, 4, 1, 2};
  if (m.height > 32) all = {1, 2, 4, 8, 16, 1, 2, 4};
  if (m.height > 64) all = {1, 2, 4, 8, 16, 32, 64, 1};
  all.resize(static_cast<size_t>(m.layers));
  return all;
}

}  // namespace

flow::Spec spec_of(const WaveFlow& m, const mel::Convention& convention) {
  if (m.height % 2 != 0) config::refuse("model", text("expected an even height, found ", m.height));
  flow::Spec spec;
  spec.model = "waveflow";
  spec.mel = to_json(convention);
  spec.conditioner =
      part_to_json("upsample2d", net::Upsample2d{.bands = convention.bands,
                                                 .strides = net::strides_of(convention.hop),
                                                 .group = m.height});
  spec.steps.push_back(part_to_json("squeeze", flow::Squeeze{m.height}));
  net::Wn2d net;
  net.channels = m.channels;
  net.row_dilations = row_dilations(m);
  net.condition = convention.bands;
  std::vector<int> order(static_cast<size_t>(m.height));
  std::iota(order.begin(), order.end(), 0);
  for (int k = 0; k < m.flows; ++k) {
    spec.steps.push_back(part_to_json(
        "row_coupling", flow::RowCoupling{m.height, order, 0, part_to_json("wn2d", net)}));
    // After each flow of the first half the rows are reversed, later each half of them.
    const auto middle = order.begin() + m.height / 2;
    std::reverse(order.begin(), 2 * k < m.flows ? order.end() : middle);
    if (2 * k >= m.flows) std::reverse(middle, order.end());
  }
  return spec;
}

}  // namespace fluvox::models
