#include "net/norm_folded.h"

#include <cmath>

#include "core/error.h"
#include "net/separable.h"

namespace fluvox::net {

FoldedNorm::FoldedNorm(Weights weights, int channels)
    : scale(weights.take("weight", {channels})), offset(weights.take("bias", {channels})) {
  const std::vector<float> mean = weights.take("running_mean", {channels});
  const std::vector<float> variance = weights.take("running_var", {channels});
  for (size_t c = 0; c < scale.size(); ++c) {
    if (variance[c] < 0)
      throw Error(Fault::input, "weights-negative",
                  text("tensor '", weights.path("running_var"),
                       "': expected variances of at least 0, found ", variance[c]));
    const double s = scale[c] / std::sqrt(variance[c] + kNormFloor);
    scale[c] = static_cast<float>(s);
    offset[c] = static_cast<float>(offset[c] - s * mean[c]);
  }
}

}  // namespace fluvox::net
