#include <ATen/Parallel.h>
#include <torch/library.h>

#include "kernels/mixing.h"
#include "ops/mixing.h"

namespace fluvox::ops {
namespace {

// The kernels want columns that are neighbours.
Tensor with_columns(const Tensor& x) { return x.stride(2) == 1 ? x : x.contiguous(); }

template <class T>
void mix(const Tensor& w, const Tensor& x, const Tensor& z) {
  at::parallel_for(0, x.size(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item)
      kernels::mixing_cpu(static_cast<int>(x.size(1)), x.size(2), w.const_data_ptr<T>(),
                          w.stride(0), w.stride(1), item_of<T>(x, item), item_of<T>(z, item));
  });
}

Tensor mixing(const Tensor& w, const Tensor& given) {
  expect_mixing("mixing", w, given);
  const Tensor x = with_columns(given), z = at::empty(x.sizes(), x.options());
  if (x.scalar_type() == at::kDouble)
    mix<double>(w, x, z);
  else
    mix<float>(w, x, z);
  return z;
}

// The items one by one: the sum is the same however many threads there are.
Tensor mixing_weight_gradient(const Tensor& given, const Tensor& given_x) {
  const Tensor gz = with_columns(given), x = with_columns(given_x);
  expect_alike("_mixing_weight_gradient", "the gradient", x, gz, x.scalar_type());
  expect_shape(gz.sizes() == x.sizes(), "_mixing_weight_gradient", "two of one shape", gz.sizes(),
               " and ", x.sizes());
  const int64_t channels = x.size(1);
  const Tensor gw = at::zeros({x.size(0), channels, channels}, x.options().dtype(at::kDouble));
  at::parallel_for(0, x.size(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      double* to = gw.data_ptr<double>() + item * channels * channels;
      const auto add = [&](auto zero) {
        using T = decltype(zero);
        kernels::mixing_weight_gradient_cpu(static_cast<int>(channels), x.size(2),
                                            item_of<T>(gz, item), item_of<T>(x, item), to);
      };
      if (x.scalar_type() == at::kDouble)
        add(0.0);
      else
        add(0.0f);
    }
  });
  return gw.sum(0).to(wide(x));
}

std::tuple<Tensor, Tensor> inverse_log_det(const Tensor& given) {
  const Tensor w = expect_matrix(given), inverse = at::empty(w.sizes(), w.options());
  const Tensor log_abs_det = at::empty({}, w.options());
  std::vector<int> rows(static_cast<size_t>(w.size(0)));
  kernels::inverse_log_det_cpu(static_cast<int>(w.size(0)), w.const_data_ptr<double>(), rows.data(),
                               inverse.data_ptr<double>(), log_abs_det.data_ptr<double>());
  return {inverse, log_abs_det};
}

}  // namespace

TORCH_LIBRARY_IMPL(fluvox, CPU, m) {
  m.impl("mixing", mixing);
  m.impl("_mixing_weight_gradient", mixing_weight_gradient);
  m.impl("inverse_log_det", inverse_log_det);
}

}  // namespace fluvox::ops
