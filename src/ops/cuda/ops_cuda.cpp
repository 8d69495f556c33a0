// The operators on the GPU: the same checks, the kernels of kernels/*_cuda.cu on the current
// stream. A library of its own (cmake/FluvoxCuda.cmake), which registers itself when it is loaded,
// so that the CPU programs need no CUDA.
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include "kernels/actnorm.h"
#include "kernels/coupling_batch.h"
#include "kernels/gate.h"
#include "kernels/mixing.h"
#include "ops/actnorm.h"
#include "ops/gate.h"
#include "ops/mixing.h"

namespace fluvox::ops {
namespace {

using kernels::Batch;
using kernels::Status;

void expect_ok(const Status& status) {
  if (!status.ok()) throw Error(Fault::device, "op-launch", status.message);
}

kernels::Stream stream_of(const Tensor& x) {
  return c10::cuda::getCurrentCUDAStream(x.device().index()).stream();
}

// run(T{}) with the type that x's numbers are stored in
template <class Run>
void with_storage(const Tensor& x, const Run& run) {
  if (x.scalar_type() == at::kBFloat16)
    run(kernels::Bf16{});
  else if (x.scalar_type() == at::kHalf)
    run(kernels::Half{});
  else
    run(0.0f);
}

template <class T>
T* numbers(const Tensor& x) {
  return x.defined() ? static_cast<T*>(x.data_ptr()) : nullptr;
}

template <class T>
Batch<T> batch(const Tensor& x) {
  return x.defined() ? batch_of<T>(x) : Batch<T>{};
}

Tensor scratch(const Tensor& x, int64_t count, at::ScalarType type) {
  return at::empty({count}, x.options().dtype(type));
}

std::tuple<Tensor, Tensor> gate_made(const Tensor& given_a, const std::optional<Tensor>& given_q,
                                     bool with_factors) {
  const auto [a, q, sizes] = gate_arguments(given_a, given_q);
  expect_type("gate", a);
  const c10::cuda::CUDAGuard on_its_device(a.device());
  const Tensor y = at::empty(sizes.result, a.options());
  const Tensor f = with_factors ? at::empty(a.sizes(), a.options()) : Tensor();
  with_storage(a, [&, &a = a, &q = q, &sizes = sizes](auto type) {
    using T = decltype(type);
    expect_ok(kernels::gate_factors_cuda<T>(
        sizes.rows, static_cast<int>(sizes.channels), numbers<T>(a), a.stride(0),
        q ? numbers<T>(*q) : nullptr, q ? q->stride(0) : 0, numbers<T>(f), numbers<T>(y),
        sizes.channels, stream_of(a)));
  });
  return {y, f};
}

Tensor gate(const Tensor& a, const std::optional<Tensor>& q) {
  return std::get<0>(gate_made(a, q, false));
}

std::tuple<Tensor, Tensor> gate_factors(const Tensor& a, const std::optional<Tensor>& q) {
  return gate_made(a, q, true);
}

Tensor gate_backward(const Tensor& f, const Tensor& given) {
  const c10::cuda::CUDAGuard on_its_device(f.device());
  const Tensor gy = given.contiguous(), ga = at::empty_like(f);
  const GateSizes sizes = gate_sizes(f);
  with_storage(f, [&](auto type) {
    using T = decltype(type);
    expect_ok(kernels::gate_backward_cuda<T>(sizes.rows, static_cast<int>(sizes.channels),
                                             numbers<T>(f), numbers<T>(gy), numbers<T>(ga),
                                             stream_of(f)));
  });
  return ga;
}

template <class T>
kernels::CouplingBatch<T> coupling_of(const CouplingPlaces& places, const Tensor& x,
                                      const Tensor& net, double limit) {
  const Tensor changed = places.changed(x), kept = places.kept(x);
  return {x.size(0),
          static_cast<int>(changed.size(1)),
          static_cast<int>(changed.size(2)),
          batch<const T>(places.raw(net)),
          batch<const T>(places.b(net)),
          places.bound(),
          static_cast<float>(limit),
          static_cast<int>(kept.size(1)),
          static_cast<int>(kept.size(2))};
}

template <class T>
kernels::Places<T> places_of(const CouplingPlaces& places, const Tensor& x) {
  return {batch<T>(places.changed(x)), batch<T>(places.kept(x))};
}

std::tuple<Tensor, Tensor> coupling(const Tensor& x, const Tensor& net, int64_t dim, int64_t first,
                                    int64_t step, bool shift, std::string scale, double limit) {
  const CouplingPlaces places("coupling", x, net, dim, first, step, shift, scale, limit);
  const c10::cuda::CUDAGuard on_its_device(x.device());
  const Tensor z = at::empty_like(x), log_det = scratch(x, x.size(0), at::kDouble);
  with_storage(x, [&](auto type) {
    using T = decltype(type);
    const kernels::CouplingBatch<T> c = coupling_of<T>(places, x, net, limit);
    const Tensor sums = scratch(x, c.items * c.pieces(), at::kDouble);
    expect_ok(kernels::coupling_batch_forward_cuda<T>(
        c, places_of<const T>(places, x), places_of<T>(places, z), numbers<double>(sums),
        numbers<double>(log_det), stream_of(x)));
  });
  return {z, log_det.to(at::kFloat)};
}

Tensor coupling_inverse(const Tensor& z, const Tensor& net, int64_t dim, int64_t first,
                        int64_t step, bool shift, std::string scale, double limit) {
  const CouplingPlaces places("coupling_inverse", z, net, dim, first, step, shift, scale, limit);
  const c10::cuda::CUDAGuard on_its_device(z.device());
  const Tensor x = at::empty_like(z);
  with_storage(z, [&](auto type) {
    using T = decltype(type);
    expect_ok(kernels::coupling_batch_inverse_cuda<T>(coupling_of<T>(places, z, net, limit),
                                                      places_of<const T>(places, z),
                                                      places_of<T>(places, x), stream_of(z)));
  });
  return x;
}

std::tuple<Tensor, Tensor> coupling_backward(bool forward, const Tensor& x, const Tensor& net,
                                             const Tensor& given,
                                             const std::optional<Tensor>& g_log_det, int64_t dim,
                                             int64_t first, int64_t step, bool shift,
                                             std::string scale, double limit) {
  const CouplingPlaces places("_coupling_backward", x, net, dim, first, step, shift, scale, limit);
  expect_alike("_coupling_backward", "the gradient", x, given, x.scalar_type());
  const c10::cuda::CUDAGuard on_its_device(x.device());
  const Tensor gx = at::empty_like(x), gnet = at::empty_like(net);
  const Tensor g = g_log_det ? g_log_det->to(at::kFloat).contiguous() : Tensor();
  with_storage(x, [&](auto type) {
    using T = decltype(type);
    const kernels::CouplingBatch<T> c = coupling_of<T>(places, x, net, limit);
    const auto at_x = batch<const T>(places.changed(x));
    const auto along = places_of<const T>(places, given);
    const kernels::CouplingBatchGradients<T> to = {
        places_of<T>(places, gx), batch<T>(places.b(gnet)), batch<T>(places.raw(gnet))};
    expect_ok(forward ? kernels::coupling_batch_backward_cuda<T>(
                            c, at_x, along, numbers<const float>(g), to, stream_of(x))
                      : kernels::coupling_batch_inverse_backward_cuda<T>(c, at_x, along, to,
                                                                         stream_of(x)));
  });
  return {gx, gnet};
}

Tensor mixing(const Tensor& w, const Tensor& x) {
  expect_mixing("mixing", w, x);
  const c10::cuda::CUDAGuard on_its_device(x.device());
  const Tensor z = at::empty(x.sizes(), x.options());
  with_storage(x, [&](auto type) {
    using T = decltype(type);
    expect_ok(kernels::mixing_cuda<T>(x.size(0), static_cast<int>(x.size(1)), x.size(2),
                                      numbers<const float>(w), w.stride(0), w.stride(1),
                                      batch<const T>(x), batch<T>(z), stream_of(x)));
  });
  return z;
}

Tensor mixing_weight_gradient(const Tensor& gz, const Tensor& x) {
  expect_alike("_mixing_weight_gradient", "the gradient", x, gz, x.scalar_type());
  expect_shape(gz.sizes() == x.sizes(), "_mixing_weight_gradient", "two of one shape", gz.sizes(),
               " and ", x.sizes());
  const c10::cuda::CUDAGuard on_its_device(x.device());
  const int64_t channels = x.size(1);
  const Tensor gw = at::empty({channels, channels}, x.options().dtype(at::kDouble));
  const Tensor sums =
      scratch(x, kernels::mixing_pieces(x.size(0), x.size(2)) * channels * channels, at::kFloat);
  with_storage(x, [&](auto type) {
    using T = decltype(type);
    expect_ok(kernels::mixing_weight_gradient_cuda<T>(
        x.size(0), static_cast<int>(channels), x.size(2), batch<const T>(gz), batch<const T>(x),
        numbers<float>(sums), numbers<double>(gw), stream_of(x)));
  });
  return gw.to(at::kFloat);
}

std::tuple<Tensor, Tensor> inverse_log_det(const Tensor& given) {
  const Tensor w = expect_matrix(given);
  const c10::cuda::CUDAGuard on_its_device(w.device());
  const Tensor inverse = at::empty(w.sizes(), w.options()),
               log_abs_det = at::empty({}, w.options());
  const Tensor rows = scratch(w, w.size(0), at::kInt);
  expect_ok(kernels::inverse_log_det_cuda(static_cast<int>(w.size(0)), numbers<const double>(w),
                                          numbers<int>(rows), numbers<double>(inverse),
                                          numbers<double>(log_abs_det), stream_of(w)));
  return {inverse, log_abs_det};
}

Tensor actnorm_either_way(const char* op, bool forward, const Tensor& x, const Tensor& given_s,
                          const Tensor& given_b) {
  const auto [s, b] = expect_actnorm(op, x, given_s, given_b);
  const c10::cuda::CUDAGuard on_its_device(x.device());
  const Tensor z = at::empty_like(x);
  with_storage(x, [&, &s = s, &b = b](auto type) {
    using T = decltype(type);
    const auto run = forward ? kernels::actnorm_forward_cuda<T> : kernels::actnorm_inverse_cuda<T>;
    expect_ok(run(x.size(0), static_cast<int>(x.size(1)), x.size(2), numbers<const float>(s),
                  numbers<const float>(b), batch<const T>(x), batch<T>(z), stream_of(x)));
  });
  return z;
}

Tensor actnorm(const Tensor& x, const Tensor& s, const Tensor& b) {
  return actnorm_either_way("actnorm", true, x, s, b);
}

Tensor actnorm_inverse(const Tensor& z, const Tensor& s, const Tensor& b) {
  return actnorm_either_way("actnorm_inverse", false, z, s, b);
}

std::tuple<Tensor, Tensor, Tensor> actnorm_backward(bool forward, const Tensor& x,
                                                    const Tensor& given, const Tensor& given_s,
                                                    const Tensor& given_b) {
  const auto [s, b] = expect_actnorm("_actnorm_backward", x, given_s, given_b);
  expect_alike("_actnorm_backward", "the gradient", x, given, x.scalar_type());
  const c10::cuda::CUDAGuard on_its_device(x.device());
  const int64_t channels = x.size(1);
  const Tensor made = at::empty_like(x), gs = scratch(x, channels, at::kDouble),
               gb = scratch(x, channels, at::kDouble);
  const Tensor sums =
      scratch(x, 2 * channels * kernels::actnorm_pieces(x.size(0), x.size(2)), at::kDouble);
  with_storage(x, [&, &s = s, &b = b](auto type) {
    using T = decltype(type);
    expect_ok(kernels::actnorm_backward_cuda<T>(
        forward, x.size(0), static_cast<int>(channels), x.size(2), numbers<const float>(s),
        numbers<const float>(b), batch<const T>(x), batch<const T>(given), batch<T>(made),
        numbers<double>(sums), numbers<double>(gs), numbers<double>(gb), stream_of(x)));
  });
  return {made, gs.to(at::kFloat), gb.to(at::kFloat)};
}

}  // namespace

TORCH_LIBRARY_IMPL(fluvox, CUDA, m) {
  m.impl("gate", gate);
  m.impl("_gate_factors", gate_factors);
  m.impl("_gate_backward", gate_backward);
  m.impl("coupling", coupling);
  m.impl("coupling_inverse", coupling_inverse);
  m.impl("_coupling_backward", coupling_backward);
  m.impl("mixing", mixing);
  m.impl("_mixing_weight_gradient", mixing_weight_gradient);
  m.impl("inverse_log_det", inverse_log_det);
  m.impl("actnorm", actnorm);
  m.impl("actnorm_inverse", actnorm_inverse);
  m.impl("_actnorm_backward", actnorm_backward);
}

}  // namespace fluvox::ops
