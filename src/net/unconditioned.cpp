#include "net/unconditioned.h"

namespace fluvox::net {

void check(const Unconditioned& net) {
  if (net.hop % net.group != 0)
    config::refuse("conditioner", text("expected a hop that is a multiple of the group, found hop ",
                                       net.hop, ", group ", net.group));
}

}  // namespace fluvox::net
