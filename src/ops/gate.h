// The gate's arguments as its kernels take them: B rows of C numbers, C being all that follows the
// batch in y.
#pragma once

#include <optional>
#include <tuple>
#include <vector>

#include "ops/arguments.h"

namespace fluvox::ops {

struct GateSizes {
  int64_t rows, channels;
  std::vector<int64_t> result;  // of y
};

// a [B, 2 C, ...]
GateSizes gate_sizes(const Tensor& a);

// a and q looked at, and copied unless what follows the batch is contiguous.
struct GateArguments {
  Tensor a;
  std::optional<Tensor> q;
  GateSizes sizes;
};
GateArguments gate_arguments(const Tensor& a, const std::optional<Tensor>& q);

}  // namespace fluvox::ops
