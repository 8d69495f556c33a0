// The contract of a step's runtime body: in place on a time-major grid.
#pragma once

#include <cstdint>
#include <string>

#include "flow/step.h"
#include "net/net_runtime.h"

namespace fluvox::flow {

using net::ConditionShape;
using net::Grid;
using net::RuntimeCondition;

// What passes between two steps: rows that stand for `samples` samples of audio, `channels` wide.
struct StepShape {
  int64_t samples = 1;
  int channels = 1;
};

class RuntimeStep {
 public:
  virtual ~RuntimeStep() = default;
  std::string place = "step";  // in the spec, for messages: "steps.3"
  // What leaves when `in` enters (density direction). Refuses what the step or its net cannot take,
  // so that a model whose parts do not belong together is refused when it is loaded; forward and
  // inverse then rely on it. `where` is the step's place in the spec, for the message.
  virtual StepShape fit(const std::string& where, StepShape in,
                        const ConditionShape& condition) const = 0;
  // x [T][channels] becomes z; the log-determinant is returned (sums in double, in a fixed order).
  virtual double forward(Grid& x, const RuntimeCondition& condition, Threads& threads) const = 0;
  virtual void inverse(Grid& z, const RuntimeCondition& condition, Threads& threads) const = 0;
};

// A kind has a runtime body when its header declares make_runtime.
template <class Step>
concept HasRuntime = requires(const Step& step, Weights& weights) {
  make_runtime(step, weights);
};

RuntimeStepPtr make_runtime_step(const Json& json, const std::string& where, Weights& weights);

// For fit: an error that names both sizes unless they are equal.
void expect_size(const std::string& where, const std::string& what, int64_t expected,
                 int64_t found);

}  // namespace fluvox::flow
