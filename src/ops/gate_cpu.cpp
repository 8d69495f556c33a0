#include <ATen/Parallel.h>
#include <torch/library.h>

#include "kernels/gate.h"
#include "ops/gate.h"

namespace fluvox::ops {
namespace {

constexpr int64_t kGrain = 4096;  // channels of a row that one thread takes at least

// each(row, first, last) for pieces of all rows, shared by the threads
template <class Each>
void in_pieces(const GateSizes& sizes, const Each& each) {
  const int64_t pieces = (sizes.channels + kGrain - 1) / kGrain;
  at::parallel_for(0, sizes.rows * pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % pieces * kGrain;
      each(i / pieces, static_cast<int>(first),
           static_cast<int>(std::min(first + kGrain, sizes.channels)));
    }
  });
}

template <class T>
void factors(const GateSizes& sizes, const Tensor& a, const std::optional<Tensor>& q, T* f, T* y) {
  const T* from = a.const_data_ptr<T>();
  const T* condition = q ? q->const_data_ptr<T>() : nullptr;
  const int64_t q_stride = q ? q->stride(0) : 0, n = sizes.channels;
  in_pieces(sizes, [&](int64_t row, int first, int last) {
    kernels::gate_factors_cpu(1, static_cast<int>(n), first, last, from + row * a.stride(0),
                              a.stride(0), condition ? condition + row * q_stride : nullptr,
                              q_stride, f ? f + row * 2 * n : nullptr, y + row * n, n);
  });
}

bool in_16_bits(const Tensor& x) {
  return x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kHalf;
}

std::tuple<Tensor, Tensor> made(const Tensor& given_a, const std::optional<Tensor>& given_q,
                                bool with_factors) {
  const auto [a, q, sizes] = gate_arguments(given_a, given_q);
  if (in_16_bits(a)) {
    const auto [y, f] =
        made(a.to(at::kFloat), q ? std::optional(q->to(at::kFloat)) : std::nullopt, with_factors);
    return {y.to(a.scalar_type()), with_factors ? f.to(a.scalar_type()) : f};
  }
  expect_type("gate", a);
  const Tensor y = at::empty(sizes.result, a.options());
  const Tensor f = with_factors ? at::empty(a.sizes(), a.options()) : Tensor();
  if (a.scalar_type() == at::kDouble)
    factors<double>(sizes, a, q, with_factors ? f.data_ptr<double>() : nullptr,
                    y.data_ptr<double>());
  else
    factors<float>(sizes, a, q, with_factors ? f.data_ptr<float>() : nullptr, y.data_ptr<float>());
  return {y, f};
}

Tensor gate(const Tensor& a, const std::optional<Tensor>& q) {
  return std::get<0>(made(a, q, false));
}

std::tuple<Tensor, Tensor> gate_factors(const Tensor& a, const std::optional<Tensor>& q) {
  return made(a, q, true);
}

Tensor gate_backward(const Tensor& f, const Tensor& given) {
  if (in_16_bits(f))
    return gate_backward(f.to(at::kFloat), given.to(at::kFloat)).to(f.scalar_type());
  const Tensor gy = given.contiguous();
  const GateSizes sizes = gate_sizes(f);
  const Tensor ga = at::empty_like(f);
  const auto run = [&](auto* to) {
    using T = std::remove_pointer_t<decltype(to)>;
    const T *from = f.const_data_ptr<T>(), *along = gy.const_data_ptr<T>();
    const int64_t n = sizes.channels;
    in_pieces(sizes, [&](int64_t row, int first, int last) {
      kernels::gate_backward_cpu(1, static_cast<int>(n), first, last, from + row * 2 * n,
                                 along + row * n, to + row * 2 * n);
    });
  };
  if (f.scalar_type() == at::kDouble)
    run(ga.data_ptr<double>());
  else
    run(ga.data_ptr<float>());
  return ga;
}

}  // namespace

TORCH_LIBRARY_IMPL(fluvox, CPU, m) {
  m.impl("gate", gate);
  m.impl("_gate_factors", gate_factors);
  m.impl("_gate_backward", gate_backward);
}

}  // namespace fluvox::ops
