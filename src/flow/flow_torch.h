// The flow in LibTorch: a conditioner, a list of steps, and the base distribution of z.
//   inference   z = f(x) and log|det df/dx|
//   log_prob    log p(x) = log p_base(f(x)) + log|det df/dx|
//   sampling    x = f^-1(z)
// All of it in true nats: every constant is included.
//
// A step sees the condition at its own resolution: where a row of x stands for n rows of the
// condition, these are folded into its channels as a squeeze folds samples (squeeze.h: channel * n
// + phase). Likewise what leaves early at a finer resolution is folded to that of the last step.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "flow/base_torch.h"
#include "flow/spec.h"
#include "flow/step_torch.h"

namespace fluvox::flow {

class TorchFlow : public torch::nn::Module {
 public:
  explicit TorchFlow(const Spec& spec);

  const Spec& spec() const { return spec_; }
  torch::Device device() const { return parameters().front().device(); }  // .to(device) moves it
  net::Margins margins() const { return conditioner_->margins(); }

  // mel [B, bands, left + F + right] with its margins (net_torch.h: with_margins)
  Condition condition(const Tensor& mel) { return conditioner_->forward(mel); }

  // Of z, for so many samples.
  int64_t positions(int64_t samples) const { return samples / samples_; }

  // The tasks. x [B, T]; z [B, channels, T / channels]; log-probabilities [B], nats
  TorchStep::Result inference(const Tensor& x, const Condition& condition);
  Tensor log_prob(const Tensor& x, const Condition& condition);
  Tensor inverse(const Tensor& z, const Condition& condition);  // the x whose z this is
  // x of `samples` samples for every item of the condition, z drawn from the base and multiplied by
  // the temperatures. LibTorch's generator draws.
  Tensor sample(const Condition& condition, int64_t samples, double sigma = 1);
  // The same and its log-density under the flow at that temperature, which is above 0.
  struct Drawn {
    Tensor x, log_prob;
  };
  Drawn sample_with_log_prob(const Condition& condition, int64_t samples, double sigma = 1);
  // Of the channels of z, [channels, 1] (temperature.h)
  Tensor temperatures(double sigma, const at::TensorOptions& options) const;

  // Of a flow of steps that are autoregressive over time: each sample's Gaussian given what came
  // before it, N(mean, exp(2 log_scale)), all [B, T] (gaussians_torch.cpp). Of x that is given,
  // where the steps' nets see x; of x drawn from z, where they see z.
  struct Gaussians {
    Tensor x, mean, log_scale;
  };
  Gaussians gaussians_of(const Tensor& x, const Condition& condition);
  Gaussians drawn_gaussians(const Tensor& z, const Condition& condition);
  void expect_autoregressive() const;  // an error where the flow is none of these

  void initialise(const Tensor& x, const Condition& condition);
  void set_net_precision(at::ScalarType type);

  // Gradients without kept activations: the backward pass finds each step's input again by its
  // inverse, and one step's network is in memory at a time (reversible_torch.cpp).
  void set_reversible(bool on) { reversible_ = on; }

  // Random last layers with log-scales of about the given standard deviation: tests need nets that
  // matter.
  void randomise_last_layers(double deviation, uint64_t seed);

  // By the names that a model file uses. weights() is what is learned, state() what is saved but
  // not learned (running statistics, flags of initialisation), tensors() both.
  std::map<std::string, Tensor> weights() const;
  std::map<std::string, Tensor> state() const;
  std::map<std::string, Tensor> tensors() const;
  // Refuses what is missing, unknown, of another shape or not finite.
  void load(const std::map<std::string, Tensor>& tensors);

 private:
  struct Stage {
    TorchStepPtr step;  // null for a split
    int64_t leaving = 0;
    int64_t samples = 1;  // of a row that enters
  };

  class Reversible;

  TorchStep::Result run_forward(const Tensor& audio, const Condition& condition,
                                std::vector<Tensor>* kept);
  Tensor draw(const Condition& condition, int64_t samples);
  TorchStep::Inverted run_inverse(const Tensor& z, const Condition& condition, bool with_log_det);
  TorchStep::Result run_reversibly(const Tensor& audio, const Condition& condition);
  [[noreturn]] void blame(const Tensor& x, const Condition& condition);

  Spec spec_;
  net::TorchConditionerPtr conditioner_;
  std::vector<Stage> stages_;
  TorchBasePtr base_;
  int64_t samples_ = 1;  // of a position of z
  bool reversible_ = false;
};

// Rows folded into channels, n to one: [B, c, T] -> [B, c n, T / n], channel c n + phase; and back
Tensor fold(const Tensor& x, int64_t n);
Tensor unfold(const Tensor& x, int64_t n);
// The condition as a step sees it whose x has `positions`.
Condition at_resolution(const Condition& condition, int64_t positions);

}  // namespace fluvox::flow
