#include <algorithm>
#include <cmath>

#include "kernels/coupling.h"

namespace fluvox::kernels {

namespace {

float log_scale(const LogScale& scale, std::ptrdiff_t row, int column) {
  const float raw = scale.raw.at(row, column);
  if (scale.bound == ScaleBound::exact) return raw;
  if (scale.bound == ScaleBound::tanh) return scale.clamp * std::tanh(raw / scale.clamp);
  const float v = raw + 2;
  return std::min(v, 0.0f) - std::log1p(std::exp(-std::abs(v)));
}

}  // namespace

void coupling_forward_cpu(std::ptrdiff_t rows, int columns, ConstView x, const LogScale& scale,
                          ConstView b, View z, double* row_log_det) {
  for (std::ptrdiff_t row = 0; row < rows; ++row) {
    double log_det = 0;
    for (int column = 0; column < columns; ++column) {
      const float s = log_scale(scale, row, column);
      z.at(row, column) = std::exp(s) * x.at(row, column) + b.at(row, column);
      log_det += s;
    }
    if (row_log_det != nullptr) row_log_det[row] = log_det;
  }
}

void coupling_inverse_cpu(std::ptrdiff_t rows, int columns, ConstView z, const LogScale& scale,
                          ConstView b, View x) {
  for (std::ptrdiff_t row = 0; row < rows; ++row)
    for (int column = 0; column < columns; ++column) {
      const float s = log_scale(scale, row, column);
      x.at(row, column) = (z.at(row, column) - b.at(row, column)) * std::exp(-s);
    }
}

void log_det_total_cpu(std::ptrdiff_t rows, const double* row_log_det, double* total) {
  double sum = 0;
  for (std::ptrdiff_t row = 0; row < rows; ++row) sum += row_log_det[row];
  *total = sum;
}

}  // namespace fluvox::kernels
