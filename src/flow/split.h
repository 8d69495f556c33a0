// Split (multi-scale): the first `channels` channels leave as z; the steps that follow work on the
// rest.
//   x [c, T] -> left [channels, T], rest [c - channels, T]       log-det 0
// z of the whole flow is what left first, then what left later, then what remains: [group, T /
// group]. The flow itself handles a split, since it alone knows where the pieces go. In the spec:
// {"kind": "split", "channels": 2}.
#pragma once

#include "core/config.h"

namespace fluvox::flow {

struct Split {
  int channels = 2;
};

template <class Visitor>
void fields(Visitor& v, Split& s) {
  v("channels", s.channels, "channels that leave", Range{1, 4096});
}

}  // namespace fluvox::flow
