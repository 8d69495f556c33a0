// The kernels (kernels/) as LibTorch operators of the library "fluvox", and as functions that call
// them. The bodies for training use the functions.
//
// Each is differentiable once, runs on the CPU in float32 and float64 and, where the CUDA part is
// loaded (ops_cuda.cpp), on the GPU in float32, bfloat16 and float16. Strides are free: what a
// squeeze, a transposition or every other channel leaves in place is read there. Everything else
// is refused with an Error that names the operator, what it expected and what it found.
#pragma once

#include <torch/types.h>

#include <optional>
#include <string>

namespace fluvox::ops {

using torch::Tensor;

// y = tanh(u) sigmoid(v), [u; v] = a + q along dimension 1 (kernels/gate.h).
// a, q [B, 2 C, ...], y [B, C, ...]. bfloat16 and float16 on the CPU too, computed in float32.
Tensor gate(const Tensor& a, const std::optional<Tensor>& q);

// The affine coupling of kernels/coupling.h. x [B, R, K]; of it x.slice(dim, first, {}, step)
// changes, as many places as the net gives, and what lies beside them is kept.
// net [B, parts, R', K']: b where `shift`, then the raw log-scale unless scale is "none".
struct Changing {
  int64_t dim = 1, first = 0, step = 1;
};
struct Affine {
  bool shift = true;
  std::string scale = "exp";  // "sigmoid", "none"
  double limit = 0;           // of exp: limit tanh(raw / limit); 0: raw itself
};
struct Coupled {
  Tensor z;
  Tensor log_det;  // [B], float32, or float64 where x is
};
Coupled coupling(const Tensor& x, const Tensor& net, const Changing& changing,
                 const Affine& affine);
Tensor coupling_inverse(const Tensor& z, const Tensor& net, const Changing& changing,
                        const Affine& affine);

// z[b, :, t] = w x[b, :, t] (kernels/mixing.h). x [B, C, T]; w [C, C] in float32, or float64 where
// x is.
Tensor mixing(const Tensor& w, const Tensor& x);

// w^-1 and log|det w| of a float64 matrix. A singular w has -infinity.
struct Inverted {
  Tensor inverse, log_abs_det;
};
Inverted inverse_log_det(const Tensor& w);

// z = exp(s) (x + b) and back (kernels/actnorm.h). x [B, C, T]; s, b [C] in float32, or float64
// where x is.
Tensor actnorm(const Tensor& x, const Tensor& s, const Tensor& b);
Tensor actnorm_inverse(const Tensor& z, const Tensor& s, const Tensor& b);

}  // namespace fluvox::ops
