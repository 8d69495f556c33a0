// The operators' functions, and their derivatives.
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/ops.h"

namespace fluvox::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

template <class Signature>
auto operation(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

using Two = std::tuple<Tensor, Tensor>;
using Three = std::tuple<Tensor, Tensor, Tensor>;
using MaybeTensor = std::optional<Tensor>;
using CouplingSignature = Two(const Tensor&, const Tensor&, int64_t, int64_t, int64_t, bool,
                              std::string, double);
using CouplingInverseSignature = Tensor(const Tensor&, const Tensor&, int64_t, int64_t, int64_t,
                                        bool, std::string, double);

Tensor call_gate(const Tensor& a, const MaybeTensor& q) {
  static const auto op = operation<Tensor(const Tensor&, const MaybeTensor&)>("fluvox::gate");
  return op.call(a, q);
}

Two call_coupling(const Tensor& x, const Tensor& net, const Changing& c, const Affine& a) {
  static const auto op = operation<CouplingSignature>("fluvox::coupling");
  return op.call(x, net, c.dim, c.first, c.step, a.shift, a.scale, a.limit);
}

Tensor call_coupling_inverse(const Tensor& z, const Tensor& net, const Changing& c,
                             const Affine& a) {
  static const auto op = operation<CouplingInverseSignature>("fluvox::coupling_inverse");
  return op.call(z, net, c.dim, c.first, c.step, a.shift, a.scale, a.limit);
}

Two call_coupling_backward(bool forward, const Tensor& x, const Tensor& net, const Tensor& given,
                           const MaybeTensor& g_log_det, const Changing& c, const Affine& a) {
  static const auto op =
      operation<Two(bool, const Tensor&, const Tensor&, const Tensor&, const MaybeTensor&, int64_t,
                    int64_t, int64_t, bool, std::string, double)>("fluvox::_coupling_backward");
  return op.call(forward, x, net, given, g_log_det, c.dim, c.first, c.step, a.shift, a.scale,
                 a.limit);
}

Tensor call_mixing(const Tensor& w, const Tensor& x) {
  static const auto op = operation<Tensor(const Tensor&, const Tensor&)>("fluvox::mixing");
  return op.call(w, x);
}

Two call_inverse_log_det(const Tensor& w) {
  static const auto op = operation<Two(const Tensor&)>("fluvox::inverse_log_det");
  return op.call(w);
}

Tensor call_actnorm(bool forward, const Tensor& x, const Tensor& s, const Tensor& b) {
  using Signature = Tensor(const Tensor&, const Tensor&, const Tensor&);
  static const auto there = operation<Signature>("fluvox::actnorm");
  static const auto back = operation<Signature>("fluvox::actnorm_inverse");
  return forward ? there.call(x, s, b) : back.call(x, s, b);
}

template <class... Tensors>
bool wanted(const Tensors&... inputs) {
  return torch::GradMode::is_enabled() && (inputs.requires_grad() || ...);
}

class Gate : public Function<Gate> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& a, const MaybeTensor& q) {
    static const auto factors =
        operation<Two(const Tensor&, const MaybeTensor&)>("fluvox::_gate_factors");
    const at::AutoDispatchBelowADInplaceOrView below;
    const auto [y, f] = factors.call(a, q);
    context->save_for_backward({f});
    context->saved_data["conditioned"] = q.has_value();
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list given) {
    static const auto backward =
        operation<Tensor(const Tensor&, const Tensor&)>("fluvox::_gate_backward");
    const Tensor gradient = backward.call(context->get_saved_variables()[0], given[0]);
    return {gradient, context->saved_data["conditioned"].toBool() ? gradient : Tensor()};
  }
};

Tensor gate_autograd(const Tensor& a, const MaybeTensor& q) {
  if (wanted(a) || (q && wanted(*q))) return Gate::apply(a, q);
  const at::AutoDispatchBelowADInplaceOrView below;
  return call_gate(a, q);
}

void remember(AutogradContext* context, const Changing& c, const Affine& a) {
  context->saved_data["dim"] = c.dim;
  context->saved_data["first"] = c.first;
  context->saved_data["step"] = c.step;
  context->saved_data["shift"] = a.shift;
  context->saved_data["scale"] = a.scale;
  context->saved_data["limit"] = a.limit;
}

Changing changing_of(AutogradContext* context) {
  return {context->saved_data["dim"].toInt(), context->saved_data["first"].toInt(),
          context->saved_data["step"].toInt()};
}

Affine affine_of(AutogradContext* context) {
  return {context->saved_data["shift"].toBool(), context->saved_data["scale"].toStringRef(),
          context->saved_data["limit"].toDouble()};
}

class Coupling : public Function<Coupling> {
 public:
  static variable_list forward(AutogradContext* context, const Tensor& x, const Tensor& net,
                               const Changing& c, const Affine& a) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const auto [z, log_det] = call_coupling(x, net, c, a);
    context->save_for_backward({x, net});
    context->set_materialize_grads(false);
    remember(context, c, a);
    return {z, log_det};
  }

  static variable_list backward(AutogradContext* context, variable_list given) {
    const variable_list saved = context->get_saved_variables();
    if (!given[0].defined() && !given[1].defined()) return variable_list(4);
    const Tensor gz = given[0].defined() ? given[0] : torch::zeros_like(saved[0]);
    const MaybeTensor g_log_det = given[1].defined() ? MaybeTensor(given[1]) : std::nullopt;
    const auto [gx, gnet] = call_coupling_backward(true, saved[0], saved[1], gz, g_log_det,
                                                   changing_of(context), affine_of(context));
    return {gx, gnet, {}, {}};
  }
};

class CouplingInverse : public Function<CouplingInverse> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& z, const Tensor& net,
                        const Changing& c, const Affine& a) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const Tensor x = call_coupling_inverse(z, net, c, a);
    context->save_for_backward({x, net});
    remember(context, c, a);
    return x;
  }

  static variable_list backward(AutogradContext* context, variable_list given) {
    const variable_list saved = context->get_saved_variables();
    const auto [gz, gnet] =
        call_coupling_backward(false, saved[0], saved[1], given[0], std::nullopt,
                               changing_of(context), affine_of(context));
    return {gz, gnet, {}, {}};
  }
};

Two coupling_autograd(const Tensor& x, const Tensor& net, int64_t dim, int64_t first, int64_t step,
                      bool shift, std::string scale, double limit) {
  const Changing c{dim, first, step};
  const Affine a{shift, std::move(scale), limit};
  if (wanted(x, net)) {
    const variable_list made = Coupling::apply(x, net, c, a);
    return {made[0], made[1]};
  }
  const at::AutoDispatchBelowADInplaceOrView below;
  return call_coupling(x, net, c, a);
}

Tensor coupling_inverse_autograd(const Tensor& z, const Tensor& net, int64_t dim, int64_t first,
                                 int64_t step, bool shift, std::string scale, double limit) {
  const Changing c{dim, first, step};
  const Affine a{shift, std::move(scale), limit};
  if (wanted(z, net)) return CouplingInverse::apply(z, net, c, a);
  const at::AutoDispatchBelowADInplaceOrView below;
  return call_coupling_inverse(z, net, c, a);
}

class Mixing : public Function<Mixing> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& w, const Tensor& x) {
    const at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward({w, x});
    return call_mixing(w, x);
  }

  static variable_list backward(AutogradContext* context, variable_list given) {
    static const auto weight_gradient =
        operation<Tensor(const Tensor&, const Tensor&)>("fluvox::_mixing_weight_gradient");
    const variable_list saved = context->get_saved_variables();
    variable_list gradients(2);
    if (context->needs_input_grad(0)) gradients[0] = weight_gradient.call(given[0], saved[1]);
    if (context->needs_input_grad(1)) gradients[1] = call_mixing(saved[0].t(), given[0]);
    return gradients;
  }
};

Tensor mixing_autograd(const Tensor& w, const Tensor& x) {
  if (wanted(w, x)) return Mixing::apply(w, x);
  const at::AutoDispatchBelowADInplaceOrView below;
  return call_mixing(w, x);
}

// d log|det w| = sum (w^-1)'_ij dw_ij,   d w^-1 = -w^-1 dw w^-1
class InverseLogDet : public Function<InverseLogDet> {
 public:
  static variable_list forward(AutogradContext* context, const Tensor& w) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const auto [inverse, log_abs_det] = call_inverse_log_det(w);
    context->save_for_backward({inverse});
    context->set_materialize_grads(false);
    return {inverse, log_abs_det};
  }

  static variable_list backward(AutogradContext* context, variable_list given) {
    const Tensor back = context->get_saved_variables()[0].t();
    Tensor gradient;
    if (given[1].defined()) gradient = given[1] * back;
    if (given[0].defined()) {
      const Tensor of_inverse = -torch::matmul(torch::matmul(back, given[0]), back);
      gradient = gradient.defined() ? gradient + of_inverse : of_inverse;
    }
    return {gradient};
  }
};

Two inverse_log_det_autograd(const Tensor& w) {
  if (wanted(w)) {
    const variable_list made = InverseLogDet::apply(w);
    return {made[0], made[1]};
  }
  const at::AutoDispatchBelowADInplaceOrView below;
  return call_inverse_log_det(w);
}

class ActNorm : public Function<ActNorm> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& from, const Tensor& s,
                        const Tensor& b, bool forward) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const Tensor to = call_actnorm(forward, from, s, b);
    context->save_for_backward({forward ? from : to, s, b});
    context->saved_data["forward"] = forward;
    return to;
  }

  static variable_list backward(AutogradContext* context, variable_list given) {
    static const auto backward =
        operation<Three(bool, const Tensor&, const Tensor&, const Tensor&, const Tensor&)>(
            "fluvox::_actnorm_backward");
    const variable_list saved = context->get_saved_variables();
    const auto [made, gs, gb] = backward.call(context->saved_data["forward"].toBool(), saved[0],
                                              given[0], saved[1], saved[2]);
    return {made, gs, gb, {}};
  }
};

Tensor actnorm_either_way(const Tensor& from, const Tensor& s, const Tensor& b, bool forward) {
  if (wanted(from, s, b)) return ActNorm::apply(from, s, b, forward);
  const at::AutoDispatchBelowADInplaceOrView below;
  return call_actnorm(forward, from, s, b);
}

Tensor actnorm_autograd(const Tensor& x, const Tensor& s, const Tensor& b) {
  return actnorm_either_way(x, s, b, true);
}

Tensor actnorm_inverse_autograd(const Tensor& z, const Tensor& s, const Tensor& b) {
  return actnorm_either_way(z, s, b, false);
}

}  // namespace

TORCH_LIBRARY_IMPL(fluvox, Autograd, m) {
  m.impl("gate", gate_autograd);
  m.impl("coupling", coupling_autograd);
  m.impl("coupling_inverse", coupling_inverse_autograd);
  m.impl("mixing", mixing_autograd);
  m.impl("inverse_log_det", inverse_log_det_autograd);
  m.impl("actnorm", actnorm_autograd);
  m.impl("actnorm_inverse", actnorm_inverse_autograd);
}

Tensor gate(const Tensor& a, const MaybeTensor& q) { return call_gate(a, q); }

Coupled coupling(const Tensor& x, const Tensor& net, const Changing& changing,
                 const Affine& affine) {
  const auto [z, log_det] = call_coupling(x, net, changing, affine);
  return {z, log_det};
}

Tensor coupling_inverse(const Tensor& z, const Tensor& net, const Changing& changing,
                        const Affine& affine) {
  return call_coupling_inverse(z, net, changing, affine);
}

Tensor mixing(const Tensor& w, const Tensor& x) { return call_mixing(w, x); }

Inverted inverse_log_det(const Tensor& w) {
  const auto [inverse, log_abs_det] = call_inverse_log_det(w);
  return {inverse, log_abs_det};
}

Tensor actnorm(const Tensor& x, const Tensor& s, const Tensor& b) {
  return call_actnorm(true, x, s, b);
}

Tensor actnorm_inverse(const Tensor& z, const Tensor& s, const Tensor& b) {
  return call_actnorm(false, z, s, b);
}

}  // namespace fluvox::ops
