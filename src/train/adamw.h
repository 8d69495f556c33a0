// AdamW (Loshchilov, Hutter: Decoupled weight decay regularization, 2019), in one pass over all
// that is learned. For a weight w with gradient g, at update t:
//
//   m <- b1 m + (1 - b1) g      s <- b2 s + (1 - b2) g^2      b1 = 0.9, b2 = 0.98
//   w <- w - rate (decay w + m / (1 - b1^t) / (sqrt(s / (1 - b2^t)) + 1e-8))
#pragma once

#include <torch/torch.h>

#include <utility>
#include <vector>

namespace fluvox::train {

class AdamW {
 public:
  // decays: which of the weights do, the others as with a decay of 0
  AdamW(const std::vector<torch::Tensor>& weights, std::vector<bool> decays, double decay)
      : weights_(weights), decays_(std::move(decays)), decay_(decay) {
    for (const torch::Tensor& weight : weights_) {
      moment1.push_back(torch::zeros_like(weight.detach()));
      moment2.push_back(torch::zeros_like(weight.detach()));
    }
  }

  // Gradients count as divided by `divisor`; what has none stays as it is.
  void step(double rate, double divisor) {
    const torch::NoGradGuard no_grad;
    ++updates;
    for (const bool decays : {true, false}) {
      std::vector<torch::Tensor> weights, gradients, m, s;
      for (size_t i = 0; i < weights_.size(); ++i) {
        if (decays_[i] != decays || !weights_[i].grad().defined()) continue;
        weights.push_back(weights_[i]);
        gradients.push_back(laid_out_as(weights_[i], weights_[i].grad()));
        m.push_back(moment1[i]);
        s.push_back(moment2[i]);
      }
      if (weights.empty()) continue;
      const auto number = [&](double value) {
        return torch::full({}, value,
                           torch::TensorOptions(weights[0].device()).dtype(torch::kFloat));
      };
      const std::vector<torch::Tensor> counts(weights.size(), number(static_cast<double>(updates)));
      std::optional<torch::Tensor> scale;
      if (divisor != 1) scale = number(divisor);
      at::_fused_adamw_(weights, gradients, m, s, {}, counts, rate, 0.9, 0.98, decays ? decay_ : 0,
                        1e-8, false, false, scale);
    }
  }

  std::vector<torch::Tensor> moment1, moment2;  // m and s of each weight
  int64_t updates = 0;

 private:
  // The kernel goes over memory as it lies.
  static torch::Tensor laid_out_as(const torch::Tensor& weight, const torch::Tensor& gradient) {
    if (gradient.strides() == weight.strides()) return gradient;
    return torch::empty_like(weight.detach()).copy_(gradient);
  }

  std::vector<torch::Tensor> weights_;
  std::vector<bool> decays_;
  double decay_;
};

}  // namespace fluvox::train
