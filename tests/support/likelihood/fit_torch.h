// Fits a flow to an oracle by maximum likelihood and judges it by the paired gap (oracle.h).
#pragma once

#include <functional>
#include <memory>

#include "flow/flow_torch.h"
#include "support/oracles/mean.h"
#include "support/oracles/oracle.h"

namespace fluvox::likelihood {

// Adam with a short warm-up and a cosine to zero. Every step draws new clips, so that nothing can
// be learnt by heart.
struct Training {
  int steps = 1000;
  int batch = 32;
  double rate = 1e-3;
};
using Told = std::function<void(int step, double nats)>;

std::shared_ptr<flow::TorchFlow> fit(const flow::Spec& spec, const oracles::Oracle& oracle,
                                     int samples, const Training& training,
                                     const Told& told = nullptr);

// The loop of fit, with any loss: it is called with the number of the step.
void descend(flow::TorchFlow& flow, const Training& training,
             const std::function<torch::Tensor(int)>& loss, const Told& told);

// What a flow whose density is serial learns by: log q(x) - log p(x) of samples x of its own, one
// for each item of the condition, in nats a sample [B]. Its mean is KL(q || p).
using LogDensity = std::function<torch::Tensor(const torch::Tensor& x)>;  // [B, T] -> [B]
torch::Tensor divergence(flow::TorchFlow& flow, const net::Condition& condition, int samples,
                         const LogDensity& log_p);

// mean[log p_true - log p_model], nats a sample, over held-out clips; the model is put to float64.
oracles::Mean gap(flow::TorchFlow& flow, const oracles::Oracle& oracle, int samples, int clips);

// Clips as tensors, and the condition that a flow makes of their features.
struct Batch {
  torch::Tensor audio;           // [B, T]
  torch::Tensor features;        // [B, bands, frames]
  std::vector<double> log_true;  // of each clip, nats
};
Batch batch_of(const flow::Spec& spec, const oracles::Oracle& oracle, int samples, int clips,
               uint64_t seed, uint64_t first, at::ScalarType type);
net::Condition condition_of(flow::TorchFlow& flow, const torch::Tensor& features);

}  // namespace fluvox::likelihood
