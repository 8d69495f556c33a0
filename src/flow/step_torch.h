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
  // x [B, channels, T]
  virtual Result forward(const Tensor& x, const Condition& condition) = 0;
  virtual Tensor inverse(const Tensor& z, const Condition& condition) = 0;

  // Parameters that start from the data (a scale such that z has unit variance) are set here,
  // before training.
  virtual void initialise(const Tensor& /*x*/, const Condition&) {}

  virtual net::TorchNet* network() { return nullptr; }
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
