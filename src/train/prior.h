// MAP training: a Gaussian prior on the weights w, centred on those w0 of a trained model,
//   log p(w) = -||w - w0||^2 / (2 s^2) + constant
// What is maximised is log p(data | w) + log p(w), the data being all N samples of the corpus.
// Divided by N, as the likelihood is in nats per sample:
//   loss = -mean log p(x | w) per sample + ||w - w0||^2 / (2 s^2 N)
// so the prior adds (w - w0) / (s^2 N) to the gradient. The wider s, the less it says; without a
// prior nothing is added at all, which is maximum likelihood.
#pragma once

#include <torch/torch.h>

#include <utility>
#include <vector>

namespace fluvox::train {

class Prior {
 public:
  Prior(std::vector<torch::Tensor> centre, double deviation, double samples)
      : centre_(std::move(centre)), precision_(1 / (deviation * deviation * samples)) {}

  // ||w - w0||^2 / (2 s^2 N), nats per sample
  double penalty(const std::vector<torch::Tensor>& weights) const {
    const torch::NoGradGuard no_grad;
    double sum = 0;
    for (size_t i = 0; i < weights.size(); ++i)
      sum += (weights[i] - centre_[i]).to(torch::kFloat64).square().sum().item<double>();
    return 0.5 * precision_ * sum;
  }

  void add_gradient(const std::vector<torch::Tensor>& weights) const {
    const torch::NoGradGuard no_grad;
    for (size_t i = 0; i < weights.size(); ++i) {
      const torch::Tensor mine = precision_ * (weights[i] - centre_[i]);
      torch::Tensor& gradient = weights[i].mutable_grad();
      gradient = gradient.defined() ? gradient.add_(mine) : mine;
    }
  }

 private:
  std::vector<torch::Tensor> centre_;
  double precision_;  // 1 / (s^2 N)
};

}  // namespace fluvox::train
