// Invertible 1x1 convolution: every time step is multiplied by the same matrix.
//   z[:, t] = W x[:, t]      log|det| = T log|det W|       x, z [channels, T], W [channels,
//   channels]
// form "plain": W itself is learned. -log|det W| in the loss goes to infinity as W nears
// singularity,
//   which is what keeps it invertible; the sign of det W may change, so the formula takes the
//   absolute value. Tensor: weight [channels, channels].
// form "lu" (Glow): row i of W is row permutation[i] of L U. L has ones on its diagonal and `lower`
//   below it, U has signs exp(log_diagonal) on it and `upper` above it; permutation and signs stay
//   as they are. log|det W| = sum log_diagonal: never singular. Tensors: lower, upper [channels,
//   channels] (what lies elsewhere in them is not looked at), log_diagonal, permutation, signs
//   [channels].
// form "orthogonal": W = H_1 H_2 ... H_channels, H_i = I - 2 v_i v_i' / (v_i' v_i), the product of
//   Householder reflections: orthogonal whatever the v_i. log|det W| = 0. Tensor: vectors [channels
//   (i), channels].
// W starts as a random rotation; "orthogonal" as a random product of reflections.
// In the spec: {"kind": "invertible1x1", "channels": 8, "form": "plain"}.
#pragma once

#include "core/config.h"
#include "flow/step.h"

namespace fluvox::flow {

struct Invertible1x1 {
  int channels = 8;
  std::string form = "plain";
};

template <class Visitor>
void fields(Visitor& v, Invertible1x1& s) {
  v("channels", s.channels, "channels that are mixed", Range{1, 4096});
  v("form", s.form, "how the matrix is made of what is learned",
    OneOf{"plain", "lu", "orthogonal"});
}

TorchStepPtr make_torch(const Invertible1x1&);
RuntimeStepPtr make_runtime(const Invertible1x1&, Weights&);

}  // namespace fluvox::flow
