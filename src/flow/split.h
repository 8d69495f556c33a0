// Split (multi-scale): the first `channels` channels leave as z; the steps that follow work on the
// rest.
//   x [c, T] -> left [channels, T], rest [c - channels, T]       log-det 0
// z of the whole flow is what left first, then what left later, then what remains: [group, T /
// group]; what left at a finer resolution is folded to the last one (flow_torch.h). The flow itself
// handles a split, since it alone knows where the pieces go. In the spec: {"kind": "split",
// "channels": 2}.
//
// A learned prior for what leaves, N(mean(rest), sigma(rest)), is no part of the split but a
// coupling before it that keeps the half that stays ("keep": "second"): exp(s) = 1 / sigma and b =
// -mean / sigma standardise the half that leaves. So z stays N(0, 1) and canonical.
#pragma once

#include "core/config.h"

namespace fluvox::flow {

struct Split {
  int channels = 2;
};

template <class Visitor>
void fields(Visitor& v, Split& s) {
  v("channels", s.channels, "channels that leave", Range{1, 65536});
}

}  // namespace fluvox::flow
