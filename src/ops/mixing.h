// What the CPU and the CUDA part of the mixing operators look at.
#pragma once

#include "ops/arguments.h"

namespace fluvox::ops {

inline void expect_mixing(const char* op, const Tensor& w, const Tensor& x) {
  expect_type(op, x);
  expect_alike(op, "w", x, w, wide(x));
  expect_shape(x.dim() == 3 && w.dim() == 2 && w.size(0) == x.size(1) && w.size(1) == x.size(1), op,
               "w [channels, channels] and x [batch, channels, positions]", w.sizes(), " and ",
               x.sizes());
}

// w as the kernel wants it: contiguous
inline Tensor expect_matrix(const Tensor& w) {
  expect_alike("inverse_log_det", "w", w, w, at::kDouble);
  expect_shape(w.dim() == 2 && w.size(0) == w.size(1), "inverse_log_det", "a square matrix",
               w.sizes());
  return w.contiguous();
}

}  // namespace fluvox::ops
