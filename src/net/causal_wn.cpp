#include "net/causal_wn.h"

namespace fluvox::net {

int64_t dilation(const CausalWn& net, int layer) { return int64_t{1} << (layer % net.cycle); }

int64_t reach(const CausalWn& net) {
  int64_t sum = net.front;
  for (int l = 0; l < net.layers; ++l) sum += (net.kernel - 1) * dilation(net, l);
  return sum;
}

}  // namespace fluvox::net
