#include "net/separable.h"

namespace fluvox::net {

void check(const Separable& net) {
  if (net.kernel % 2 == 0)
    config::refuse("separable",
                   text("expected an odd kernel, which has a 'same' padding, found ", net.kernel));
}

}  // namespace fluvox::net
