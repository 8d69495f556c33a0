#include <cmath>

#include "flow/actnorm.h"
#include "flow/channel_affine_runtime.h"
#include "net/weights.h"

namespace fluvox::flow {

RuntimeStepPtr make_runtime(const ActNorm& step, Weights& weights) {
  const std::vector<float> log_scale = weights.take("log_scale", {step.channels});
  const std::vector<float> bias = weights.take("bias", {step.channels});
  weights.take("initialised", {1});  // of training alone
  std::vector<double> shift;
  for (size_t c = 0; c < bias.size(); ++c)
    shift.push_back(std::exp(double{log_scale[c]}) * bias[c]);
  return make_channel_affine("actnorm", {log_scale.begin(), log_scale.end()}, shift);
}

}  // namespace fluvox::flow
