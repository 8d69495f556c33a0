#include "flow/flow_torch.h"

#include <numbers>

#include "flow/registry.h"

namespace fluvox::flow {

TorchStepPtr make_torch_step(const Json& json, const std::string& where) {
  return make_step(json, where, [](const auto& step) { return make_torch(step); });
}

TorchFlow::TorchFlow(const Spec& spec) : spec_(spec) {
  if (kind_of(spec.base, "base") != "normal")
    net::refuse_kind("base", "base", kind_of(spec.base, "base"), {"normal"});
  conditioner_ =
      register_module("conditioner", net::make_torch_conditioner(spec.conditioner, "conditioner"));
  for (size_t i = 0; i < spec.steps.size(); ++i) {
    const std::string where = text("steps.", i);
    if (kind_of(spec.steps[i], where) == "split") {
      stages_.push_back({nullptr, part_from_json<Split>(spec.steps[i], where).channels});
      continue;
    }
    stages_.push_back({make_torch_step(spec.steps[i], where), 0});
    register_module(text("steps_", i), stages_.back().step);
  }
}

TorchStep::Result TorchFlow::forward(const Tensor& audio, const Condition& condition) {
  Tensor x = audio.unsqueeze(1);
  Tensor log_det = torch::zeros({audio.size(0)}, audio.options());
  std::vector<Tensor> pieces;
  for (const Stage& stage : stages_) {
    if (!stage.step) {
      pieces.push_back(x.narrow(1, 0, stage.leaving));
      x = x.narrow(1, stage.leaving, x.size(1) - stage.leaving);
      continue;
    }
    auto result = stage.step->forward(x, condition);
    x = result.z;
    log_det = log_det + result.log_det;
  }
  pieces.push_back(x);
  return {torch::cat(pieces, 1), log_det};
}

Tensor TorchFlow::inverse(const Tensor& z, const Condition& condition) {
  int64_t leaving = 0;
  for (const Stage& stage : stages_) leaving += stage.leaving;
  Tensor x = z.narrow(1, leaving, z.size(1) - leaving);
  for (auto stage = stages_.rbegin(); stage != stages_.rend(); ++stage) {
    if (stage->step) {
      x = stage->step->inverse(x, condition);
    } else {
      leaving -= stage->leaving;
      x = torch::cat({z.narrow(1, leaving, stage->leaving), x}, 1);
    }
  }
  return x.squeeze(1);
}

Tensor TorchFlow::log_prob(const Tensor& audio, const Condition& condition) {
  const auto [z, log_det] = forward(audio, condition);
  const double log_root_two_pi = 0.5 * std::log(2 * std::numbers::pi);
  return log_det - sum_per_item(0.5 * z.square() + log_root_two_pi);
}

void TorchFlow::initialise(const Tensor& audio, const Condition& condition) {
  const torch::NoGradGuard no_grad;
  Tensor x = audio.unsqueeze(1);
  for (const Stage& stage : stages_) {
    if (!stage.step) {
      x = x.narrow(1, stage.leaving, x.size(1) - stage.leaving);
      continue;
    }
    stage.step->initialise(x, condition);
    x = stage.step->forward(x, condition).z;
  }
}

void TorchFlow::set_net_precision(at::ScalarType type) {
  for (const Stage& stage : stages_)
    if (stage.step && stage.step->network()) stage.step->network()->precision = type;
}

void TorchFlow::randomise_last_layers(double deviation, uint64_t seed) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(seed);
  for (const Stage& stage : stages_) {
    if (!stage.step || !stage.step->network()) continue;
    for (Tensor& p : stage.step->network()->last_layer().parameters())
      p.normal_(0, p.dim() > 1 ? deviation / std::sqrt(static_cast<double>(p[0].numel()))
                               : deviation / 3);
  }
}

std::map<std::string, Tensor> TorchFlow::tensors() const {
  std::map<std::string, Tensor> named;
  for (const auto& item : named_parameters()) {
    std::string name = item.key();
    if (name.rfind("steps_", 0) == 0) name[5] = '.';
    named[name] = item.value();
  }
  return named;
}

void TorchFlow::load(const std::map<std::string, Tensor>& given) {
  const torch::NoGradGuard no_grad;
  auto mine = tensors();
  for (const auto& [name, tensor] : given)
    if (!mine.count(name))
      throw Error(Fault::input, "tensor-unknown", text("the model has no tensor '", name, "'"));
  for (auto& [name, tensor] : mine) {
    const auto found = given.find(name);
    if (found == given.end())
      throw Error(Fault::input, "tensor-missing",
                  text("expected a tensor '", name, "', found none"));
    if (found->second.sizes() != tensor.sizes())
      throw Error(Fault::input, "shape-mismatch",
                  text("tensor '", name, "': expected shape ", tensor.sizes(), ", found ",
                       found->second.sizes()));
    tensor.copy_(found->second);
  }
}

}  // namespace fluvox::flow
