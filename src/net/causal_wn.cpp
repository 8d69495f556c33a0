#include "net/causal_wn.h"

namespace fluvox::net {

void check(const CausalWn& net) {
  if (!net.causal && (net.kernel % 2 == 0 || net.front % 2 == 0))
    config::refuse("causal_wn",
                   text("expected an odd kernel and front, which have a 'same' padding, found ",
                        net.kernel, " and ", net.front));
}

int64_t dilation(const CausalWn& net, int layer) { return int64_t{1} << (layer % net.cycle); }

int64_t reach(const CausalWn& net) {
  int64_t sum = net.front;
  for (int l = 0; l < net.layers; ++l) sum += (net.kernel - 1) * dilation(net, l);
  return sum;
}

}  // namespace fluvox::net
