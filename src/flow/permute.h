// Permute: the channels in another order. log-det 0.
//   z[c, t] = x[table[c], t]          x, z [channels, T]
// order "reverse":         table[c] = channels - 1 - c
//       "swap":            the second half first, then the first half
//       "reverse_halves":  each half reversed in its place (WaveFlow's second order)
//       "shuffle":         a fixed shuffle of the seed: from the identity, for i = channels - 1 ..
//       1
//                          entries i and floor(w (i + 1) / 2^32) change places, w the first word of
//                          Philox4x32-10 with counter (i, 0, 0, 0) and key (low, high half of seed)
// In the spec: {"kind": "permute", "channels": 8, "order": "reverse", "seed": 0}. No tensors.
#pragma once

#include <string>
#include <vector>

#include "core/config.h"
#include "flow/step.h"

namespace fluvox::flow {

struct Permute {
  int channels = 8;
  std::string order = "reverse";
  int64_t seed = 0;
};

template <class Visitor>
void fields(Visitor& v, Permute& s) {
  v("channels", s.channels, "channels of the step", Range{1, 65536});
  v("order", s.order, "the order that they leave in",
    OneOf{"reverse", "swap", "reverse_halves", "shuffle"});
  v("seed", s.seed, "of the shuffle", Range{0, 9e15});
}

std::vector<int> permutation(const Permute&);  // the table

TorchStepPtr make_torch(const Permute&);
RuntimeStepPtr make_runtime(const Permute&, Weights&);

}  // namespace fluvox::flow
