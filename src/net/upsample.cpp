#include "net/upsample.h"

namespace fluvox::net {

Margins margins(const Upsample& net) {
  if (net.kernel % net.hop != 0 || net.hop % net.group != 0)
    config::refuse("conditioner",
                   text("expected a kernel that is a multiple of the hop and a hop that is a "
                        "multiple of the group, found kernel ",
                        net.kernel, ", hop ", net.hop, ", group ", net.group));
  return {net.kernel / net.hop - 1, 0, Margins::Beyond::zeros};
}

}  // namespace fluvox::net
