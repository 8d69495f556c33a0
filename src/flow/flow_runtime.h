// The flow without LibTorch, the twin of flow_torch.h: a conditioner, a list of steps, and the
// base.
//   forward:   z = f(x),  log p(x) = log_density(z) + log_det
//   inverse:   x = f^-1(z)
// All in true nats: every constant is included. z is [channels][positions] in canonical order: what
// left first (split.h) comes first, what remains comes last. One position stands for `channels`
// samples of audio. A step sees the condition at its own resolution, and what left at a finer one
// is folded, both as flow_torch.h says.
#pragma once

#include <span>
#include <vector>

#include "flow/base_runtime.h"
#include "flow/spec.h"
#include "flow/split.h"
#include "flow/step_runtime.h"

namespace fluvox::flow {

// How many rows of the condition a row of a step stands for; 1 where it is not a multiple, which
// the step then refuses if it looks at the condition at all.
int rows_to_fold(const ConditionShape& condition, int64_t samples);
// n rows side by side, as a squeeze of many channels does it
Grid folded_rows(const Grid& rows, int n);

class RuntimeFlow {
 public:
  // Takes its tensors; refuses a spec whose parts do not fit each other.
  // `precision` is that of the nets; conditioner, W and the affine stay in float32.
  RuntimeFlow(const Spec& spec, Weights& weights, net::Precision precision = net::Precision::fp32);

  int channels() const { return channels_; }  // of z
  ConditionShape condition_shape() const { return conditioner_->shape(); }

  // mel [frames][bands] of a whole utterance; its margins are added here
  RuntimeCondition condition(const Grid& mel, Threads& threads) const;

  struct Result {
    std::vector<float> z;
    double log_det = 0;
  };
  // audio [T][1], T = the condition's rows * channels(). by_position, where given, becomes the
  // shares of log_det that belong to the rows of each position of z.
  Result forward(Grid audio, const RuntimeCondition& condition, Threads& threads,
                 std::vector<double>* by_position = nullptr) const;
  double log_density(std::span<const float> z) const;  // under the base
  // The same of z's first `positions`, of the next so many, ...
  std::vector<double> log_densities(std::span<const float> z, int positions) const;
  std::vector<float> inverse(std::span<const float> z, const RuntimeCondition& condition,
                             Threads& threads) const;

  // Whether sampling can go piece by piece (flow_stream.h), and how many samples of audio the
  // steps then look ahead.
  bool streams() const;
  int64_t look_ahead() const { return look_ahead_; }
  // Per sample of audio, to sample from it, after all folds.
  double multiply_adds() const { return multiply_adds_; }
  const net::RuntimeConditioner& conditioner() const { return *conditioner_; }
  const RuntimeBase& base() const { return *base_; }

 private:
  friend class FlowStream;

  struct Stage {
    RuntimeStepPtr step;  // null for a split
    int leaving = 0;
    int64_t samples = 1;       // of a row that enters
    double multiply_adds = 0;  // per sample of audio
  };

  int joined(const Stage& split) const { return static_cast<int>(channels_ / split.samples); }

  net::RuntimeConditionerPtr conditioner_;
  std::vector<Stage> stages_;
  std::unique_ptr<RuntimeBase> base_;
  int channels_ = 0;  // of z, and the samples of a position
  int64_t look_ahead_ = 0;
  double multiply_adds_ = 0;
};

}  // namespace fluvox::flow
