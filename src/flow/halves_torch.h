// Halves of a LibTorch tensor [B, channels, T] (halves.h).
#pragma once

#include <torch/torch.h>

#include "flow/halves.h"

namespace fluvox::flow {

inline torch::Tensor half_from(const torch::Tensor& x, int first, const Halves& h) {
  return x.slice(1, first, first + h.count * h.stride, h.stride);
}
inline torch::Tensor kept_half(const torch::Tensor& x, const Halves& h) {
  return half_from(x, h.kept, h);
}
inline torch::Tensor changed_half(const torch::Tensor& x, const Halves& h) {
  return half_from(x, h.changed, h);
}

inline torch::Tensor merge_halves(const torch::Tensor& kept, const torch::Tensor& changed,
                                  const Halves& h) {
  const bool kept_first = h.kept < h.changed;
  const torch::Tensor& a = kept_first ? kept : changed;
  const torch::Tensor& b = kept_first ? changed : kept;
  return h.stride == 1 ? torch::cat({a, b}, 1) : torch::stack({a, b}, 2).flatten(1, 2);
}

}  // namespace fluvox::flow
