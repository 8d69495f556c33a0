#include "flow/registry.h"

#include "flow/step_runtime.h"
#include "net/weights.h"

namespace fluvox::flow {

Ways ways_of(const Json& step, const std::string& where) {
  if (kind_of(step, where) == "split") return {};
  return make_step(step, where, [](const auto& one) { return ways(one); });
}

Ways ways_of(const Spec& spec) {
  Ways all;
  for (size_t i = 0; i < spec.steps.size(); ++i) {
    const Ways one = ways_of(spec.steps[i], text("steps.", i));
    all.parallel_forward = all.parallel_forward && one.parallel_forward;
    all.parallel_inverse = all.parallel_inverse && one.parallel_inverse;
  }
  return all;
}

bool has_runtime(const Json& step, const std::string& where) {
  if (kind_of(step, where) == "split") return true;
  if (step.contains("net") && !net::has_runtime(step["net"], where + ".net")) return false;
  return make_step(step, where, []<class Step>(const Step&) { return HasRuntime<Step>; });
}

}  // namespace fluvox::flow
