// Rational-quadratic spline coupling (Durkan, Bekasov, Murray, Papamakarios 2019): as the affine
// coupling, but every value of the changed half goes through a monotonic spline of its own.
//   raw = net(x_kept, cond)          z_kept = x_kept,  z_changed = spline(x_changed; raw)
// On [-bound, bound] the spline has `bins` pieces between the knots (x_k, y_k), with slope d_k
// there. With w = x_{k+1} - x_k, h = y_{k+1} - y_k, s = h / w, t = (x - x_k) / w, u = t (1 - t) and
// e = d_{k+1} + d_k - 2 s:
//   z = y_k + h (s t^2 + d_k u) / (s + e u)
//   ln dz/dx = 2 ln s + ln(d_{k+1} t^2 + 2 s u + d_k (1 - t)^2) - 2 ln(s + e u)     log|det|: the
//   sum inverse, v = z - y_k:  t = 2 c / (-b - sqrt(b^2 - 4 a c)),
//     a = v e + h (s - d_k),  b = h d_k - v e,  c = -s v
// Outside it is the identity; the outermost slopes are 1. The net's raw numbers become widths and
// heights by softmax (each at least kLeastSize of the whole), inner slopes by softplus, shifted so
// that a net that gives zeros makes the identity.
// Shapes: x [channels, T], net output [(channels / 2) (3 bins - 1), T]: for each changed channel
// its widths [bins], heights [bins], inner slopes [bins - 1]. In the spec: {"kind":
// "spline_coupling", "channels": 8, "keep": "first", "bins": 8, "bound": 3, "net": {...}}. Tensors:
// net.*
#pragma once

#include <cmath>

#include "core/config.h"
#include "flow/halves.h"
#include "flow/step.h"

namespace fluvox::flow {

struct SplineCoupling {
  int channels = 8;
  std::string keep = "first";
  int bins = 8;
  double bound = 3;
  Json net = Json::object();

  static constexpr int kMostBins = 128;
  static constexpr double kLeastSize = 1e-3, kLeastSlope = 1e-3;
  int numbers() const { return 3 * bins - 1; }  // for one value
};

// softplus(0 + kSlopeShift) + kLeastSlope = 1
inline const double kSlopeShift = std::log(std::expm1(1 - SplineCoupling::kLeastSlope));

template <class Visitor>
void fields(Visitor& v, SplineCoupling& s) {
  v("channels", s.channels, "channels of the step, both halves", Range{2, 4096});
  v("keep", s.keep, "the half that is kept", kHalves);
  v("bins", s.bins, "pieces of the spline", Range{2, SplineCoupling::kMostBins});
  v("bound", s.bound, "where the spline ends and the identity begins", Range{1e-3, 1e3});
  v("net", s.net, "the network inside");
}

TorchStepPtr make_torch(const SplineCoupling&);
RuntimeStepPtr make_runtime(const SplineCoupling&, Weights&);

}  // namespace fluvox::flow
