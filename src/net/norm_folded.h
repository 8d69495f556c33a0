// The batch norm of a separable net (separable.h) with its running statistics, as every processor
// renders it: n = scale * h + offset. Tensors: weight, bias, running_mean, running_var.
#pragma once

#include <vector>

#include "net/weights.h"

namespace fluvox::net {

struct FoldedNorm {
  FoldedNorm(Weights weights, int channels);

  std::vector<float> scale, offset;
};

}  // namespace fluvox::net
