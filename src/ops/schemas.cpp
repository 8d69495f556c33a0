// What the operators are called and take. Those whose names begin with an underscore are parts of
// the others: what their autograd calls, one for each device.
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/library.h>

TORCH_LIBRARY(fluvox, m) {
  m.def("gate(Tensor a, Tensor? q) -> Tensor");
  m.def("_gate_factors(Tensor a, Tensor? q) -> (Tensor y, Tensor f)");
  m.def("_gate_backward(Tensor f, Tensor gy) -> Tensor");

  m.def(
      "coupling(Tensor x, Tensor net, int dim, int first, int step, bool shift, str scale, "
      "float limit) -> (Tensor z, Tensor log_det)");
  m.def(
      "coupling_inverse(Tensor z, Tensor net, int dim, int first, int step, bool shift, str scale, "
      "float limit) -> Tensor");
  m.def(
      "_coupling_backward(bool forward, Tensor x, Tensor net, Tensor given, Tensor? g_log_det, "
      "int dim, int first, int step, bool shift, str scale, float limit) -> (Tensor, Tensor)");

  m.def("mixing(Tensor w, Tensor x) -> Tensor");
  m.def("_mixing_weight_gradient(Tensor gz, Tensor x) -> Tensor");
  m.def("inverse_log_det(Tensor w) -> (Tensor inverse, Tensor log_abs_det)");

  m.def("actnorm(Tensor x, Tensor s, Tensor b) -> Tensor");
  m.def("actnorm_inverse(Tensor z, Tensor s, Tensor b) -> Tensor");
  m.def(
      "_actnorm_backward(bool forward, Tensor x, Tensor given, Tensor s, Tensor b) -> (Tensor, "
      "Tensor gs, Tensor gb)");
}

// A second derivative is an error, not silence.
TORCH_LIBRARY_IMPL(fluvox, Autograd, m) {
  for (const char* part : {"_gate_factors", "_gate_backward", "_coupling_backward",
                           "_mixing_weight_gradient", "_actnorm_backward"})
    m.impl(part, torch::autograd::autogradNotImplementedFallback());
}
