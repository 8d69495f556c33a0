#include "train/learned.h"

namespace fluvox::train {
namespace {

constexpr double kLeast = 1e-30;  // for a length: an output of zeros stays one

std::vector<int64_t> all_but_outputs(const torch::Tensor& v) {
  std::vector<int64_t> dimensions;
  for (int64_t d = 1; d < v.dim(); ++d) dimensions.push_back(d);
  return dimensions;
}

// |v| of every output
torch::Tensor lengths(const torch::Tensor& v) {
  return torch::linalg_vector_norm(v, 2, all_but_outputs(v), true);
}

}  // namespace

Learned::Learned(const std::vector<std::string>& names, const std::vector<torch::Tensor>& weights,
                 bool weight_norm) {
  const torch::NoGradGuard no_grad;
  const auto add = [this](const std::string& name, const torch::Tensor& tensor, bool decays) {
    names_.push_back(name);
    tensors_.push_back(tensor);
    decays_.push_back(decays);
  };
  for (size_t i = 0; i < names.size(); ++i) {
    const torch::Tensor& w = weights[i];
    // A bias or a scale has a size of its own, and W of a 1x1 convolution is held by its log|det|.
    const bool in_a_net = names[i].find(".net.") != std::string::npos && w.dim() > 1;
    const bool in_conditioner = names[i].rfind("conditioner.", 0) == 0 && w.dim() > 1;
    if (weight_norm && in_a_net && lengths(w).min().item<double>() > 0) {
      normed_.push_back({w, lengths(w), w.detach().clone()});
      add(names[i] + "/length", normed_.back().length, true);
      add(names[i] + "/direction", normed_.back().direction, false);
    } else {
      add(names[i], w, in_a_net || in_conditioner);
    }
  }
}

void Learned::take() {
  const torch::NoGradGuard no_grad;
  for (Normed& n : normed_) {
    n.length.copy_(lengths(n.weight));
    n.direction.copy_(n.weight);
  }
  put();
}

void Learned::put() {
  const torch::NoGradGuard no_grad;
  for (Normed& n : normed_)
    n.weight.copy_(n.direction * (n.length / lengths(n.direction).clamp_min(kLeast)));
}

void Learned::find_gradients() {
  const torch::NoGradGuard no_grad;
  for (Normed& n : normed_) {
    const torch::Tensor& gradient = n.weight.grad();
    if (!gradient.defined()) {
      n.length.mutable_grad() = n.direction.mutable_grad() = torch::Tensor();
      continue;
    }
    const torch::Tensor v = lengths(n.direction).clamp_min(kLeast), along = n.direction / v;
    n.length.mutable_grad() = (gradient * along).sum(all_but_outputs(gradient), true);
    n.direction.mutable_grad() = (n.length / v) * (gradient - n.length.grad() * along);
  }
}

}  // namespace fluvox::train
