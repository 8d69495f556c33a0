// What the CPU and the CUDA part of the ActNorm operators look at.
#pragma once

#include <utility>

#include "ops/arguments.h"

namespace fluvox::ops {

// s and b as the kernels want them: contiguous
inline std::pair<Tensor, Tensor> expect_actnorm(const char* op, const Tensor& x, const Tensor& s,
                                                const Tensor& b) {
  expect_type(op, x);
  expect_alike(op, "s", x, s, wide(x));
  expect_alike(op, "b", x, b, wide(x));
  expect_shape(x.dim() == 3 && s.dim() == 1 && b.dim() == 1 && s.size(0) == x.size(1) &&
                   b.size(0) == x.size(1),
               op, "x [batch, channels, positions], s and b [channels]", x.sizes(), ", ", s.sizes(),
               " and ", b.sizes());
  return {s.contiguous(), b.contiguous()};
}

}  // namespace fluvox::ops
