#include "flow/channel_affine_runtime.h"
#include "flow/scale.h"
#include "net/weights.h"

namespace fluvox::flow {

RuntimeStepPtr make_runtime(const Scale& step, Weights& weights) {
  const std::vector<float> log_scale = weights.take("log_scale", {step.channels});
  return make_channel_affine("scale", {log_scale.begin(), log_scale.end()},
                             std::vector<double>(log_scale.size(), 0.0));
}

}  // namespace fluvox::flow
