// The flow without LibTorch, the twin of flow_torch.h: a conditioner, a list of steps, and the base
// N(0, 1).
//   forward:   z = f(x),  log p(x) = log_density(z) + log_det
//   inverse:   x = f^-1(z)
// All in true nats: every constant is included. z is [channels][positions] in canonical order: what
// left first (split.h) comes first, what remains comes last. One position stands for `channels`
// samples of audio.
#pragma once

#include <span>
#include <vector>

#include "flow/spec.h"
#include "flow/split.h"
#include "flow/step_runtime.h"

namespace fluvox::flow {

class RuntimeFlow {
 public:
  // Takes its tensors; refuses a spec whose parts do not fit each other.
  RuntimeFlow(const Spec& spec, Weights& weights);

  int channels() const { return channels_; }  // of z
  ConditionShape condition_shape() const { return conditioner_->shape(); }

  // mel [frames][bands] of a whole utterance; its margins are added here
  RuntimeCondition condition(const Grid& mel, Threads& threads) const;

  struct Result {
    std::vector<float> z;
    double log_det = 0;
  };
  // audio [T][1], T = the condition's rows * channels()
  Result forward(Grid audio, const RuntimeCondition& condition, Threads& threads) const;
  std::vector<float> inverse(std::span<const float> z, const RuntimeCondition& condition,
                             Threads& threads) const;

  // Whether sampling can go piece by piece (flow_stream.h), and how many samples of audio the
  // steps then look ahead.
  bool streams() const;
  int64_t look_ahead() const { return look_ahead_; }
  // Per sample of audio, to sample from it, after all folds.
  double multiply_adds() const { return multiply_adds_; }
  const net::RuntimeConditioner& conditioner() const { return *conditioner_; }

 private:
  friend class FlowStream;

  struct Stage {
    RuntimeStepPtr step;  // null for a split
    int leaving = 0;
  };

  net::RuntimeConditionerPtr conditioner_;
  std::vector<Stage> stages_;
  int channels_ = 0;
  int64_t look_ahead_ = 0;
  double multiply_adds_ = 0;
};

// log N(z; 0, 1), summed over all of z
double log_density(std::span<const float> z);

}  // namespace fluvox::flow
