#include "flow/flow_torch.h"

#include <cmath>

#include "flow/registry.h"
#include "flow/temperature.h"

namespace fluvox::flow {

Tensor fold(const Tensor& x, int64_t n) {
  return x.reshape({x.size(0), x.size(1), x.size(2) / n, n})
      .transpose(2, 3)
      .reshape({x.size(0), x.size(1) * n, x.size(2) / n});
}

Tensor unfold(const Tensor& x, int64_t n) {
  return x.reshape({x.size(0), x.size(1) / n, n, x.size(2)})
      .transpose(2, 3)
      .reshape({x.size(0), x.size(1) / n, x.size(2) * n});
}

Condition at_resolution(const Condition& condition, int64_t positions) {
  if (condition.features.dim() != 3 || positions == 0) return condition;
  const int64_t rows = condition.features.size(2);
  if (rows <= positions || rows % positions != 0) return condition;
  return {fold(condition.features, rows / positions), condition.log_scale};
}

namespace {

bool is_finite(const Tensor& x) { return torch::isfinite(x).all().item<bool>(); }

}  // namespace

TorchFlow::TorchFlow(const Spec& spec) : spec_(spec) {
  conditioner_ =
      register_module("conditioner", net::make_torch_conditioner(spec.conditioner, "conditioner"));
  for (size_t i = 0; i < spec.steps.size(); ++i) {
    const std::string where = text("steps.", i);
    if (kind_of(spec.steps[i], where) == "split") {
      stages_.push_back({nullptr, part_from_json<Split>(spec.steps[i], where).channels, samples_});
      continue;
    }
    stages_.push_back({make_torch_step(spec.steps[i], where), 0, samples_});
    register_module(text("steps_", i), stages_.back().step);
    samples_ *= stages_.back().step->rows_joined();
  }
  base_ = register_module("base", make_torch_base(spec.base, "base"));
}

TorchStep::Result TorchFlow::inference(const Tensor& audio, const Condition& condition) {
  if (audio.dim() != 2)
    throw Error(Fault::input, "shape-mismatch",
                text("x: expected shape [batch, samples], found ", audio.sizes()));
  const auto [z, log_det] = reversible_ && torch::GradMode::is_enabled()
                                ? run_reversibly(audio, condition)
                                : run_forward(audio, condition, nullptr);
  if (!is_finite(z) || !is_finite(log_det)) blame(audio, condition);
  return {z, log_det};
}

// kept: takes the input of every step whose inverse is serial
TorchStep::Result TorchFlow::run_forward(const Tensor& audio, const Condition& condition,
                                         std::vector<Tensor>* kept) {
  Tensor x = audio.unsqueeze(1);
  Tensor log_det = torch::zeros({audio.size(0)}, audio.options());
  std::vector<Tensor> pieces;
  for (const Stage& stage : stages_) {
    if (!stage.step) {
      pieces.push_back(fold(x.narrow(1, 0, stage.leaving), samples_ / stage.samples));
      x = x.narrow(1, stage.leaving, x.size(1) - stage.leaving);
      continue;
    }
    if (kept && !stage.step->inverts_at_once) kept->push_back(x);
    auto result = stage.step->forward(x, at_resolution(condition, x.size(2)));
    x = result.z;
    log_det = log_det + result.log_det;
  }
  pieces.push_back(x);
  return {torch::cat(pieces, 1), log_det};
}

void TorchFlow::blame(const Tensor& audio, const Condition& condition) {
  const torch::NoGradGuard no_grad;
  const auto refuse_not_finite = [](const std::string& what, const Tensor& values) {
    const Tensor bad = torch::isfinite(values).logical_not();
    if (bad.any().item<bool>())
      throw Error(Fault::input, "not-finite",
                  text(what, ": expected finite numbers of shape ", values.sizes(), ", found ",
                       bad.sum().item<int64_t>(), " that are not"));
  };
  refuse_not_finite("x", audio);
  refuse_not_finite("condition", condition.features);
  Tensor x = audio.unsqueeze(1);
  for (const Stage& stage : stages_) {
    if (!stage.step) {
      x = x.narrow(1, stage.leaving, x.size(1) - stage.leaving);
      continue;
    }
    for (const auto& parameter : stage.step->named_parameters())
      refuse_not_finite(stage.step->place + "." + parameter.key(), parameter.value());
    const auto result = stage.step->forward(x, at_resolution(condition, x.size(2)));
    refuse_not_finite(stage.step->place + ": z", result.z);
    refuse_not_finite(stage.step->place + ": log-determinants", result.log_det);
    x = result.z;
  }
  throw Error(Fault::input, "not-finite", "the sum of the log-determinants is not finite");
}

Tensor TorchFlow::log_prob(const Tensor& x, const Condition& condition) {
  const auto [z, log_det] = inference(x, condition);
  return base_->log_density(z) + log_det;
}

TorchStep::Inverted TorchFlow::run_inverse(const Tensor& z, const Condition& condition,
                                           bool with_log_det) {
  if (z.dim() != 3 || z.size(1) != samples_)
    throw Error(Fault::input, "shape-mismatch",
                text("z: expected shape [batch, ", samples_, ", positions], found ", z.sizes()));
  int64_t leaving = 0;  // channels of z that left before this stage
  for (const Stage& stage : stages_) leaving += stage.leaving * (samples_ / stage.samples);
  Tensor x = z.narrow(1, leaving, z.size(1) - leaving);
  Tensor log_det = torch::zeros({z.size(0)}, z.options());
  for (auto stage = stages_.rbegin(); stage != stages_.rend(); ++stage) {
    if (!stage->step) {
      const int64_t joined = samples_ / stage->samples, channels = stage->leaving * joined;
      leaving -= channels;
      x = torch::cat({unfold(z.narrow(1, leaving, channels), joined), x}, 1);
      continue;
    }
    const Condition mine = at_resolution(condition, x.size(2) * stage->step->rows_joined());
    if (with_log_det) {
      auto result = stage->step->inverse_with_log_det(x, mine);
      x = result.x;
      log_det = log_det + result.log_det;
    } else {
      x = stage->step->inverse(x, mine);
    }
  }
  return {x.squeeze(1), log_det};
}

Tensor TorchFlow::inverse(const Tensor& z, const Condition& condition) {
  return run_inverse(z, condition, false).x;
}

Tensor TorchFlow::temperatures(double sigma, const at::TensorOptions& options) const {
  const Temperature temperature = temperature_of(spec_, sigma, samples_);
  std::vector<double> values;
  for (int64_t c = 0; c < samples_; ++c) values.push_back(temperature.of(c));
  return torch::tensor(values, torch::kFloat64).view({samples_, 1}).to(options);
}

Tensor TorchFlow::draw(const Condition& condition, int64_t samples) {
  if (samples % samples_ != 0)
    throw Error(Fault::input, "shape-mismatch",
                text("sample: expected a number of samples that is a multiple of ", samples_,
                     ", found ", samples));
  return base_->draw({condition.features.size(0), samples_, samples / samples_},
                     condition.features.options());
}

Tensor TorchFlow::sample(const Condition& condition, int64_t samples, double sigma) {
  const Tensor z = draw(condition, samples);
  return inverse(temperatures(sigma, z.options()) * z, condition);
}

TorchFlow::Drawn TorchFlow::sample_with_log_prob(const Condition& condition, int64_t samples,
                                                 double sigma) {
  if (!(sigma > 0))
    throw Error(Fault::usage, "sigma-invalid",
                text("sigma: expected a number above 0 for a density, found ", sigma));
  const Tensor z = draw(condition, samples), scale = temperatures(sigma, z.options());
  const auto [x, log_det] = run_inverse(scale * z, condition, true);
  const Tensor stretched = scale.log().sum() * z.size(2);
  return {x, base_->log_density(z) - stretched + log_det};
}

void TorchFlow::initialise(const Tensor& audio, const Condition& condition) {
  const torch::NoGradGuard no_grad;
  Tensor x = audio.unsqueeze(1);
  for (const Stage& stage : stages_) {
    if (!stage.step) {
      x = x.narrow(1, stage.leaving, x.size(1) - stage.leaving);
      continue;
    }
    const Condition mine = at_resolution(condition, x.size(2));
    stage.step->initialise(x, mine);
    x = stage.step->forward(x, mine).z;
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

namespace {

template <class Items>
std::map<std::string, Tensor> as_in_a_file(const Items& items) {
  std::map<std::string, Tensor> named;
  for (const auto& item : items) {
    std::string name = item.key();
    if (name.rfind("steps_", 0) == 0) name[5] = '.';
    named[name] = item.value();
  }
  return named;
}

}  // namespace

std::map<std::string, Tensor> TorchFlow::weights() const {
  return as_in_a_file(named_parameters());
}

std::map<std::string, Tensor> TorchFlow::state() const { return as_in_a_file(named_buffers()); }

std::map<std::string, Tensor> TorchFlow::tensors() const {
  std::map<std::string, Tensor> all = weights();
  all.merge(state());
  return all;
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
    if (!is_finite(found->second))
      throw Error(Fault::input, "not-finite",
                  text("tensor '", name, "': expected finite numbers of shape ", tensor.sizes(),
                       ", found some that are not"));
    tensor.copy_(found->second);
  }
}

}  // namespace fluvox::flow
