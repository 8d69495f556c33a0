// The gradient of a flow without kept activations. The forward pass runs without a graph and leaves
// z alone; the backward pass walks the steps from z to the audio, and at each of them
//   x = step^-1(z),   (z, log_det) = step(x) with its graph,
//   dL/dx, dL/dcondition, dL/dweights  from  dL/dz and dL/dlog_det
// and throws that graph away. So one step's network is in memory at a time, however many there are:
//   cost: forward + forward again + backward = 4/3 of the plain pass, since a coupling's net sees
//   only what it leaves alone and is evaluated once for both directions.
// x is found up to rounding; steps whose inverse is serial (masked, row_coupling) keep their x
// instead, [B, channels, T] each. A batch norm in training inverts with its batch's statistics.
#include "flow/flow_torch.h"

namespace fluvox::flow {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class TorchFlow::Reversible : public torch::autograd::Function<TorchFlow::Reversible> {
 public:
  // `weights` are those of all steps, in order: named so that their gradients have somewhere to go.
  static variable_list forward(AutogradContext* context, TorchFlow* flow, const Tensor& audio,
                               const std::optional<Tensor>& features,
                               const std::optional<Tensor>& log_scale, at::TensorList) {
    variable_list saved;
    const Condition condition{features.value_or(Tensor()), log_scale.value_or(Tensor())};
    const auto [z, log_det] = flow->run_forward(audio, condition, &saved);
    saved.insert(saved.end(), {z, condition.features, condition.log_scale});
    context->save_for_backward(saved);
    context->saved_data["flow"] = reinterpret_cast<int64_t>(flow);
    return {z, log_det};
  }

  static variable_list backward(AutogradContext* context, variable_list given) {
    const torch::AutoGradMode with_graph(true);
    auto* flow = reinterpret_cast<TorchFlow*>(context->saved_data["flow"].toInt());
    variable_list kept = context->get_saved_variables();
    const auto leaf = [&kept] {
      const Tensor last = kept.back();
      kept.pop_back();
      return last.defined() ? last.detach().requires_grad_() : last;
    };
    const Tensor log_scale = leaf(), features = leaf(), z = leaf().detach();
    const Condition condition{features, log_scale};
    const Tensor z_gradient = given[0].defined() ? given[0] : torch::zeros_like(z);
    const Tensor log_det_gradient =
        given[1].defined() ? given[1] : torch::zeros({z.size(0)}, z.options());

    int64_t leaving = 0;  // channels of z that left before this stage
    for (const Stage& stage : flow->stages_)
      leaving += stage.leaving * (flow->samples_ / stage.samples);
    const auto rest = [&](const Tensor& t) { return t.narrow(1, leaving, t.size(1) - leaving); };
    Tensor x = rest(z), gradient = rest(z_gradient), of_features, of_log_scale;
    std::vector<variable_list> of_weights;  // of each step, from the last one on
    for (auto stage = flow->stages_.rbegin(); stage != flow->stages_.rend(); ++stage) {
      if (!stage->step) {
        const int64_t joined = flow->samples_ / stage->samples, channels = stage->leaving * joined;
        leaving -= channels;
        x = torch::cat({unfold(z.narrow(1, leaving, channels), joined), x}, 1);
        gradient =
            torch::cat({unfold(z_gradient.narrow(1, leaving, channels), joined), gradient}, 1);
        continue;
      }
      TorchStep& step = *stage->step;
      const Condition mine = at_resolution(condition, x.size(2) * step.rows_joined());
      const Held held(step);
      TorchStep::Recomputed found;
      if (step.inverts_at_once) {
        found = step.recompute(x, mine);
      } else {
        found.x = kept.back().detach().requires_grad_();
        kept.pop_back();
        found.result = step.forward(found.x, mine);
      }
      variable_list outputs{found.result.z}, gradients{gradient}, inputs{found.x};
      if (found.result.log_det.requires_grad()) {
        outputs.push_back(found.result.log_det);
        gradients.push_back(log_det_gradient);
      }
      for (const Tensor& wanted : {features, log_scale})
        if (wanted.defined()) inputs.push_back(wanted);
      const std::vector<Tensor> weights = step.parameters();
      inputs.insert(inputs.end(), weights.begin(), weights.end());
      variable_list all =
          torch::autograd::grad(outputs, inputs, gradients, std::nullopt, false, true);
      auto next = all.begin();
      gradient = *next++;
      if (features.defined()) add(of_features, *next++);
      if (log_scale.defined()) add(of_log_scale, *next++);
      of_weights.emplace_back(next, all.end());
      x = found.x.detach();
    }
    variable_list result{Tensor(), gradient.squeeze(1), of_features, of_log_scale};
    for (auto step = of_weights.rbegin(); step != of_weights.rend(); ++step)
      result.insert(result.end(), step->begin(), step->end());
    return result;
  }

 private:
  // State that a step changes as it goes (running statistics) has changed in the forward pass, and
  // is put back as it was before the step ran again.
  class Held {
   public:
    explicit Held(TorchStep& step) : buffers_(step.buffers()) {
      for (const Tensor& buffer : buffers_) before_.push_back(buffer.clone());
    }
    ~Held() {
      const torch::NoGradGuard no_grad;
      for (size_t i = 0; i < buffers_.size(); ++i) buffers_[i].copy_(before_[i]);
    }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

   private:
    std::vector<Tensor> buffers_, before_;
  };

  static void add(Tensor& sum, const Tensor& term) {
    if (term.defined()) sum = sum.defined() ? sum + term : term;
  }
};

TorchStep::Result TorchFlow::run_reversibly(const Tensor& audio, const Condition& condition) {
  std::vector<Tensor> weights;
  for (const Stage& stage : stages_)
    if (stage.step)
      for (const Tensor& weight : stage.step->parameters()) weights.push_back(weight);
  const auto if_any = [](const Tensor& t) {
    return t.defined() ? std::optional<Tensor>(t) : std::nullopt;
  };
  const variable_list made =
      Reversible::apply(this, audio, if_any(condition.features), if_any(condition.log_scale),
                        at::TensorList(weights));
  return {made[0], made[1]};
}

}  // namespace fluvox::flow
