#include "net/wn.h"

namespace fluvox::net {

void check(const Wn& net) {
  if (net.kernel % 2 == 0)
    config::refuse("wn",
                   text("expected an odd kernel, which has a 'same' padding, found ", net.kernel));
}

}  // namespace fluvox::net
