#include "ops/gate.h"

#include <limits>

namespace fluvox::ops {
namespace {

// Items of it may lie apart, as a narrowed condition's do.
Tensor with_contiguous_items(const Tensor& x) {
  return x.numel() == 0 || x.select(0, 0).is_contiguous() ? x : x.contiguous();
}

}  // namespace

GateSizes gate_sizes(const Tensor& a) {
  GateSizes sizes{a.size(0), 1, a.sizes().vec()};
  sizes.result[1] /= 2;
  for (size_t i = 1; i < sizes.result.size(); ++i) sizes.channels *= sizes.result[i];
  return sizes;
}

GateArguments gate_arguments(const Tensor& a, const std::optional<Tensor>& q) {
  expect_shape(a.dim() >= 2 && a.size(1) % 2 == 0, "gate",
               "a [batch, channels, ...] with an even number of channels", a.sizes());
  if (q) {
    expect_alike("gate", "the condition", a, *q, a.scalar_type());
    expect_shape(q->sizes() == a.sizes(), "gate", "a condition of a's shape", a.sizes(), " and ",
                 q->sizes());
  }
  GateSizes sizes = gate_sizes(a);
  expect_shape(sizes.channels < std::numeric_limits<int>::max() / 2, "gate",
               "fewer than 2^30 numbers an item", a.sizes());
  return {with_contiguous_items(a), q ? std::optional(with_contiguous_items(*q)) : q,
          std::move(sizes)};
}

}  // namespace fluvox::ops
