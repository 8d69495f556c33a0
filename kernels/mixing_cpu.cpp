#include <cmath>
#include <limits>
#include <utility>

#include "kernels/isa.h"
#include "kernels/mixing.h"
#include "kernels/mixing_rows.h"
#include "kernels/ops_scalar.h"

namespace fluvox::kernels {

void mixing_scalar(const MixingArguments& a) { mixing_rows<Scalar>(a); }
void mixing_gradient_scalar(const MixingGradientArguments& a) { mixing_gradient_rows<Scalar>(a); }

void mixing_cpu(int channels, std::ptrdiff_t columns, const float* w, std::ptrdiff_t w_row,
                std::ptrdiff_t w_column, ConstView x, View z) {
  const MixingArguments a = {channels, columns,      w,      w_row,       w_column,
                             x.data,   x.row_stride, z.data, z.row_stride};
#if defined(__x86_64__)
  if (isa() >= Isa::avx512) return mixing_avx512(a);
  if (isa() >= Isa::avx2) return mixing_avx2(a);
#endif
  mixing_scalar(a);
}

void mixing_cpu(int channels, std::ptrdiff_t columns, const double* w, std::ptrdiff_t w_row,
                std::ptrdiff_t w_column, ConstViewOf<double> x, ViewOf<double> z) {
  for (int i = 0; i < channels; ++i) {
    for (std::ptrdiff_t t = 0; t < columns; ++t) z.at(i, t) = 0;
    for (int j = 0; j < channels; ++j)
      for (std::ptrdiff_t t = 0; t < columns; ++t)
        z.at(i, t) += w[i * w_row + j * w_column] * x.at(j, t);
  }
}

void mixing_weight_gradient_cpu(int channels, std::ptrdiff_t columns, ConstView gz, ConstView x,
                                double* gw) {
  const MixingGradientArguments a = {channels, columns,      gz.data, gz.row_stride,
                                     x.data,   x.row_stride, gw};
#if defined(__x86_64__)
  if (isa() >= Isa::avx512) return mixing_gradient_avx512(a);
  if (isa() >= Isa::avx2) return mixing_gradient_avx2(a);
#endif
  mixing_gradient_scalar(a);
}

void mixing_weight_gradient_cpu(int channels, std::ptrdiff_t columns, ConstViewOf<double> gz,
                                ConstViewOf<double> x, double* gw) {
  for (int i = 0; i < channels; ++i)
    for (int j = 0; j < channels; ++j) {
      double sum = 0;
      for (std::ptrdiff_t t = 0; t < columns; ++t) sum += gz.at(i, t) * x.at(j, t);
      gw[i * channels + j] += sum;
    }
}

void inverse_log_det_cpu(int channels, const double* w, int* rows, double* inverse,
                         double* log_abs_det) {
  const std::ptrdiff_t n = channels;
  for (std::ptrdiff_t i = 0; i < n * n; ++i) inverse[i] = w[i];
  double sum = 0;
  bool singular = false;  // what follows a pivot of 0 is NaN
  for (std::ptrdiff_t k = 0; k < n; ++k) {
    std::ptrdiff_t pivot = k;
    for (std::ptrdiff_t i = k + 1; i < n; ++i)
      if (std::fabs(inverse[i * n + k]) > std::fabs(inverse[pivot * n + k])) pivot = i;
    rows[k] = static_cast<int>(pivot);
    if (pivot != k)
      for (std::ptrdiff_t j = 0; j < n; ++j) std::swap(inverse[k * n + j], inverse[pivot * n + j]);
    const double divisor = inverse[k * n + k];
    singular = singular || divisor == 0;
    sum += std::log(std::fabs(divisor));
    inverse[k * n + k] = 1;
    for (std::ptrdiff_t j = 0; j < n; ++j) inverse[k * n + j] /= divisor;
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      if (i == k) continue;
      const double factor = inverse[i * n + k];
      inverse[i * n + k] = 0;
      for (std::ptrdiff_t j = 0; j < n; ++j) inverse[i * n + j] -= factor * inverse[k * n + j];
    }
  }
  // The rows that changed places are the columns of the inverse.
  for (std::ptrdiff_t k = n - 1; k >= 0; --k)
    if (rows[k] != k)
      for (std::ptrdiff_t i = 0; i < n; ++i)
        std::swap(inverse[i * n + k], inverse[i * n + rows[k]]);
  *log_abs_det = singular ? -std::numeric_limits<double>::infinity() : sum;
}

}  // namespace fluvox::kernels
