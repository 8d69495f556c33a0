#include "net/frames.h"

namespace fluvox::net {

int groups_of_a_frame(const Frames& net) {
  if (net.hop % net.group != 0)
    config::refuse("conditioner", text("expected a hop that is a multiple of the group, found hop ",
                                       net.hop, ", group ", net.group));
  return net.hop / net.group;
}

}  // namespace fluvox::net
