#include <cmath>

#include "flow/batchnorm.h"
#include "flow/channel_affine_runtime.h"
#include "net/weights.h"

namespace fluvox::flow {

RuntimeStepPtr make_runtime(const BatchNorm& step, Weights& weights) {
  const std::vector<float> log_scale = weights.take("log_scale", {step.channels});
  const std::vector<float> shift = weights.take("shift", {step.channels});
  const std::vector<float> mean = weights.take("running_mean", {step.channels});
  const std::vector<float> variance = weights.take("running_variance", {step.channels});
  std::vector<double> s, b;
  for (size_t c = 0; c < mean.size(); ++c) {
    if (variance[c] < 0)
      throw Error(
          Fault::input, "variance-negative",
          text("tensor '", weights.path("running_variance"),
               "': expected variances of at least 0, found ", variance[c], " for channel ", c));
    s.push_back(log_scale[c] - 0.5 * std::log(variance[c] + step.epsilon));
    b.push_back(shift[c] - std::exp(s.back()) * mean[c]);
  }
  return make_channel_affine("batchnorm", s, b);
}

}  // namespace fluvox::flow
