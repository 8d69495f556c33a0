// What a flow of autoregressive steps alone says of every sample: a Gaussian, given what came
// before. Each step is x = z exp(s) + b, so a row of them is x = z exp(S) + M with
//   from z on:  M <- M exp(s) + b,  S <- S + s        from x on:  M <- M + exp(S) b,  S <- S + s
#include <algorithm>

#include "flow/flow_torch.h"

namespace fluvox::flow {

TorchFlow::Gaussians TorchFlow::gaussians_of(const Tensor& x, const Condition& condition) {
  expect_autoregressive();
  Gaussians found{x.unsqueeze(1), torch::zeros_like(x), torch::zeros_like(x)};
  for (const Stage& stage : stages_) {
    const auto [b, s] = stage.step->gaussians(found.x, condition);
    found.mean = found.mean + torch::exp(found.log_scale) * b.squeeze(1);
    found.log_scale = found.log_scale + s.squeeze(1);
    found.x = (found.x - b) * torch::exp(-s);
  }
  found.x = x;
  return found;
}

TorchFlow::Gaussians TorchFlow::drawn_gaussians(const Tensor& z, const Condition& condition) {
  expect_autoregressive();
  Gaussians made{z.unsqueeze(1), torch::zeros_like(z), torch::zeros_like(z)};
  for (auto stage = stages_.rbegin(); stage != stages_.rend(); ++stage) {
    const auto [b, s] = stage->step->gaussians(made.x, condition);
    made.mean = made.mean * torch::exp(s.squeeze(1)) + b.squeeze(1);
    made.log_scale = made.log_scale + s.squeeze(1);
    made.x = made.x * torch::exp(s) + b;
  }
  made.x = made.x.squeeze(1);
  return made;
}

void TorchFlow::expect_autoregressive() const {
  const bool all = std::all_of(stages_.begin(), stages_.end(), [](const Stage& stage) {
    return stage.step && stage.step->autoregressive_over_time();
  });
  if (!all || kind_of(spec_.base, "base") != "normal")
    throw Error(Fault::usage, "not-autoregressive",
                text("expected a flow of masked steps over time and a normal base, found the model "
                     "'",
                     spec_.model, "'"));
}

}  // namespace fluvox::flow
