#include "net/wn2d.h"

namespace fluvox::net {

void check(const Wn2d& net) {
  if (net.kernel % 2 == 0)
    config::refuse("wn2d",
                   text("expected an odd kernel, which has a 'same' padding, found ", net.kernel));
  if (net.layers() < 1 || net.layers() > 24)
    config::refuse("wn2d", text("expected 1 to 24 row dilations, found ", net.layers()));
  for (const int d : net.row_dilations)
    if (d < 1 || d > 4096)
      config::refuse("wn2d", text("expected row dilations from 1 to 4096, found ", d));
}

}  // namespace fluvox::net
