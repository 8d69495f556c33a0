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

  // For a backward pass that kept no activations (reversible_torch.cpp): from z the x that it came
  // from, and forward's result again with its graph, which ends at x. A step whose net sees only
  // what it leaves alone evaluates that net once for both.
  struct Recomputed {
    Tensor x;  // a leaf
    Result result;
  };
  virtual Recomputed recompute(const Tensor& z, const Condition& condition);
  // Of a step that is autoregressive over time, x_t = z_t exp(s_t) + b_t: b and s of all places,
  // [B, channels, T], from what its net sees, which is x or z.
  struct Gaussians {
    Tensor b, s;
  };
  virtual bool autoregressive_over_time() const { return false; }
  virtual Gaussians gaussians(const Tensor& /*seen*/, const Condition&) { return {}; }

  bool inverts_at_once = true;  // false: the inverse is serial, so that pass keeps x instead

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

// The x of a coupling for `recompute`, a leaf: first the part that is kept, then, from what the net
// makes of that (`made`, with its graph), the part that changes. data() is the same memory under
// another version counter: the graph remembers the kept part alone, and that stays as it is.
template <class Kept, class Changed, class Net, class Inverted>
auto recomputed_leaf(const Tensor& z, Kept kept, Changed changed, Net net, Inverted inverted) {
  Tensor x = torch::zeros(z.sizes(), z.options());
  kept(x).copy_(kept(z));
  x.requires_grad_();
  auto made = net(x);
  const torch::NoGradGuard no_grad;
  changed(x.data()).copy_(inverted(changed(z), made));
  return std::pair(x, made);
}

// The sum over everything but the batch.
inline Tensor sum_per_item(const Tensor& x) { return x.flatten(1).sum(1); }

TorchStepPtr make_torch_step(const Json& json, const std::string& where);

}  // namespace fluvox::flow
