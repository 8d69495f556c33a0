// The flow in LibTorch: a conditioner, a list of steps, and the base distribution N(0, 1) of z.
//   forward:   z = f(x),  log p(x) = log N(z; 0, 1) + log|det df/dx|
//   inverse:   x = f^-1(z)
// All of it in true nats: every constant is included.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "flow/spec.h"
#include "flow/step_torch.h"

namespace fluvox::flow {

class TorchFlow : public torch::nn::Module {
 public:
  explicit TorchFlow(const Spec& spec);

  const Spec& spec() const { return spec_; }
  net::Margins margins() const { return conditioner_->margins(); }

  // mel [B, bands, left + F + right] with its margins (net_torch.h: with_margins)
  Condition condition(const Tensor& mel) { return conditioner_->forward(mel); }

  // The three tasks. audio [B, T]; z [B, channels, T / channels]
  TorchStep::Result forward(const Tensor& audio, const Condition& condition);  // inference
  Tensor inverse(const Tensor& z, const Condition& condition);                 // sampling
  Tensor log_prob(const Tensor& audio, const Condition& condition);            // density, nats [B]

  void initialise(const Tensor& audio, const Condition& condition);
  void set_net_precision(at::ScalarType type);

  // Random last layers with log-scales of about the given standard deviation: tests need nets that
  // matter.
  void randomise_last_layers(double deviation, uint64_t seed);

  // Parameters by the names that a model file uses.
  std::map<std::string, Tensor> tensors() const;
  void load(const std::map<std::string, Tensor>& tensors);

 private:
  struct Stage {
    TorchStepPtr step;  // null for a split
    int64_t leaving = 0;
  };

  Spec spec_;
  net::TorchConditionerPtr conditioner_;
  std::vector<Stage> stages_;
};

}  // namespace fluvox::flow
