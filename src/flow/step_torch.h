// The contract of a step's LibTorch body.
#pragma once

#include <torch/torch.h>

#include "flow/step.h"
#include "net/net_torch.h"

namespace fluvox::flow {

using net::Condition;
using torch::Tensor;

class TorchStep : public torch::nn::Module {
 public:
  struct Result {
    Tensor z;
    Tensor log_det;  // [B]
  };
  struct Inverted {
    Tensor x;
    Tensor log_det;  // [B], that of forward at x: log|det dz/dx|
  };
  // x [B, channels, T]. The condition has as many positions as x (flow_torch.h).
  virtual Result forward(const Tensor& x, const Condition& condition) = 0;
  virtual Tensor inverse(const Tensor& z, const Condition& condition) = 0;

  // A step whose forward is serial finds the log-determinant on the way instead.
  virtual Inverted inverse_with_log_det(const Tensor& z, const Condition& condition) {
    const Tensor x = inverse(z, condition);
    return {x, forward(x, condition).log_det};
  }

  // Parameters that start from the data (a scale such that z has unit variance) are set here,
  // before training. What is saved but not learned is a float32 buffer.
  virtual void initialise(const Tensor& /*x*/, const Condition&) {}

  // How many rows of x become one of z (squeeze, lapped).
  virtual int64_t rows_joined() const { return 1; }

  virtual net::TorchNet* network() { return nullptr; }

  std::string place = "step";  // in the spec, for messages: "steps.3"

 protected:
  // Errors that name the step, what was expected and what was found.
  void expect_channels(const Tensor& x, int64_t channels) const;             // x [B, channels, T]
  void expect_condition(const Tensor& x, const Condition& condition) const;  // as long as x
};

// The bounded log-scale of an affine coupling: limit tanh(raw / limit), or raw itself where limit
// is 0.
inline Tensor bounded_log_scale(const Tensor& raw, double limit) {
  return limit > 0 ? limit * torch::tanh(raw / limit) : raw;
}

// The sum over everything but the batch.
inline Tensor sum_per_item(const Tensor& x) { return x.flatten(1).sum(1); }

TorchStepPtr make_torch_step(const Json& json, const std::string& where);

}  // namespace fluvox::flow
