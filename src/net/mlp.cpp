#include "net/mlp.h"

namespace fluvox::net {

Mlp dense(const Made& net) {
  if (net.channels < net.inputs)
    config::refuse("made", text("expected at least a hidden unit for each of ", net.inputs,
                                " inputs, found ", net.channels));
  return {net.inputs, 2 * net.inputs, net.channels, net.layers, net.condition};
}

MadeMasks masks(const Made& net) {
  const auto degree = [&](int unit) { return unit % net.inputs - 1; };
  MadeMasks m;
  for (int j = 0; j < net.channels; ++j) {
    for (int c = 0; c < net.inputs; ++c) m.first.push_back(c <= degree(j) ? 1.0f : 0.0f);
    for (int i = 0; i < net.channels; ++i)
      m.between.push_back(degree(i) <= degree(j) ? 1.0f : 0.0f);
  }
  for (int half = 0; half < 2; ++half)
    for (int c = 0; c < net.inputs; ++c)
      for (int j = 0; j < net.channels; ++j) m.last.push_back(degree(j) < c ? 1.0f : 0.0f);
  return m;
}

}  // namespace fluvox::net
