#include "cuda/causal_net.h"

namespace fluvox::cuda {

CausalMatrices::CausalMatrices(const net::CausalWn& net, net::Weights& weights)
    : front(net.front * net.inputs, net.channels),
      mid(net::take_matrices(weights, "mid", net.channels, net.channels, {1})),
      end(net::take_matrices(weights, "end", net.outputs, net.channels, {1})) {
  net::ConvMatrices taps =
      net::take_matrices(weights, "front", net.channels, net.inputs, {net.front});
  front_bias = std::move(taps.bias);
  front.values.clear();
  for (const net::Matrix& tap : taps.taps)
    front.values.insert(front.values.end(), tap.values.begin(), tap.values.end());
  for (int l = 0; l < net.layers; ++l) {
    const net::ConvMatrices in = net::take_matrices(weights, text("in_layers.", l),
                                                    2 * net.channels, net.channels, {net.kernel});
    const net::ConvMatrices res_skip =
        net::take_matrices(weights, text("res_skip_layers.", l),
                           (l + 1 < net.layers ? 2 : 1) * net.channels, net.channels, {1});
    layers.push_back(
        {net::dilation(net, l), in.taps, {}, in.bias, res_skip.taps[0], res_skip.bias});
  }
  net::take_condition(weights, net.condition, layers);
}

}  // namespace fluvox::cuda
