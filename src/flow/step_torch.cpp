#include "flow/step_torch.h"

#include "flow/registry.h"

namespace fluvox::flow {

TorchStepPtr make_torch_step(const Json& json, const std::string& where) {
  try {
    TorchStepPtr made = make_step(json, where, [](const auto& step) {
      TorchStepPtr body = make_torch(step);
      body->inverts_at_once = ways(step).parallel_inverse;
      return body;
    });
    made->place = where;
    return made;
  } catch (const Error& error) {
    const std::string what = error.what();
    if (what.rfind(where, 0) == 0) throw;
    throw Error(error.fault(), error.code(), where + "." + what);
  }
}

TorchStep::Recomputed TorchStep::recompute(const Tensor& z, const Condition& condition) {
  Tensor x;
  {
    const torch::NoGradGuard no_grad;
    x = inverse(z, condition);
  }
  x = x.detach().requires_grad_();
  return {x, forward(x, condition)};
}

void TorchStep::expect_channels(const Tensor& x, int64_t channels) const {
  if (x.dim() == 3 && x.size(1) == channels) return;
  throw Error(
      Fault::input, "shape-mismatch",
      text(place, ": expected shape [batch, ", channels, ", positions], found ", x.sizes()));
}

void TorchStep::expect_condition(const Tensor& x, const Condition& condition) const {
  const Tensor& features = condition.features;
  if (features.defined() && features.dim() == 3 && features.size(0) == x.size(0) &&
      features.size(2) == x.size(2))
    return;
  throw Error(Fault::input, "shape-mismatch",
              text(place, ": expected a condition of shape [", x.size(0), ", channels, ", x.size(2),
                   "], found ", features.defined() ? text(features.sizes()) : "none"));
}

}  // namespace fluvox::flow
