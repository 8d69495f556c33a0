#include <torch/library.h>

#include "kernels/actnorm.h"
#include "ops/actnorm.h"

namespace fluvox::ops {
namespace {

template <class T>
void affine(bool forward, const Tensor& x, const Tensor& s, const Tensor& b, const Tensor& z) {
  const auto run = forward ? kernels::actnorm_forward_cpu<T> : kernels::actnorm_inverse_cpu<T>;
  for (int64_t item = 0; item < x.size(0); ++item)
    run(static_cast<int>(x.size(1)), x.size(2), s.const_data_ptr<T>(), b.const_data_ptr<T>(),
        item_of<T>(x, item), item_of<T>(z, item));
}

Tensor either_way(const char* op, bool forward, const Tensor& x, const Tensor& given_s,
                  const Tensor& given_b) {
  const auto [s, b] = expect_actnorm(op, x, given_s, given_b);
  const Tensor z = at::empty_like(x);
  if (x.scalar_type() == at::kDouble)
    affine<double>(forward, x, s, b, z);
  else
    affine<float>(forward, x, s, b, z);
  return z;
}

Tensor actnorm(const Tensor& x, const Tensor& s, const Tensor& b) {
  return either_way("actnorm", true, x, s, b);
}

Tensor actnorm_inverse(const Tensor& z, const Tensor& s, const Tensor& b) {
  return either_way("actnorm_inverse", false, z, s, b);
}

std::tuple<Tensor, Tensor, Tensor> actnorm_backward(bool forward, const Tensor& x,
                                                    const Tensor& given, const Tensor& given_s,
                                                    const Tensor& given_b) {
  const auto [s, b] = expect_actnorm("_actnorm_backward", x, given_s, given_b);
  expect_alike("_actnorm_backward", "the gradient", x, given, x.scalar_type());
  const Tensor made = at::empty_like(x);
  const Tensor gs = at::zeros({x.size(1)}, x.options().dtype(at::kDouble)), gb = gs.clone();
  const auto run = [&](auto zero) {
    using T = decltype(zero);
    for (int64_t item = 0; item < x.size(0); ++item)
      kernels::actnorm_backward_cpu<T>(
          forward, static_cast<int>(x.size(1)), x.size(2), s.const_data_ptr<T>(),
          b.const_data_ptr<T>(), item_of<T>(x, item), item_of<T>(given, item),
          item_of<T>(made, item), gs.data_ptr<double>(), gb.data_ptr<double>());
  };
  if (x.scalar_type() == at::kDouble)
    run(0.0);
  else
    run(0.0f);
  return {made, gs.to(s.scalar_type()), gb.to(b.scalar_type())};
}

}  // namespace

TORCH_LIBRARY_IMPL(fluvox, CPU, m) {
  m.impl("actnorm", actnorm);
  m.impl("actnorm_inverse", actnorm_inverse);
  m.impl("_actnorm_backward", actnorm_backward);
}

}  // namespace fluvox::ops
