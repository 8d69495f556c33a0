#include "net/upsample2d.h"

namespace fluvox::net {

void check(const Upsample2d& net) {
  if (net.strides.size() != 2 || net.strides[0] < 2 || net.strides[0] > 4096 ||
      net.strides[1] < 1 || net.strides[1] > 4096)
    config::refuse("upsample2d",
                   text("expected two strides up to 4096, the first of at least 2, found ",
                        Json(net.strides).dump()));
  if (net.hop() % net.group != 0)
    config::refuse("upsample2d", text("expected a hop that is a multiple of the group, found hop ",
                                      net.hop(), ", group ", net.group));
}

std::vector<int> strides_of(int hop) {
  int small = 1;
  for (int factor = 1; factor * factor <= hop; ++factor)
    if (hop % factor == 0) small = factor;
  return {hop / small, small};
}

}  // namespace fluvox::net
