#include <cmath>

#include "kernels/coupling.h"
#include "kernels/coupling_rows.h"
#include "kernels/isa.h"
#include "kernels/ops_scalar.h"

namespace fluvox::kernels {

void coupling_forward_scalar(const CouplingArguments& a) { coupling_rows<Scalar, true>(a); }
void coupling_inverse_scalar(const CouplingArguments& a) { coupling_rows<Scalar, false>(a); }

void coupling_forward_cpu(std::ptrdiff_t rows, int columns, ConstView x, const LogScale& scale,
                          ConstView b, View z, double* row_log_det) {
  const CouplingArguments a = {rows, columns, x, scale, b, z, row_log_det};
#if defined(__x86_64__)
  if (isa() >= Isa::avx512) return coupling_forward_avx512(a);
  if (isa() >= Isa::avx2) return coupling_forward_avx2(a);
#endif
  coupling_forward_scalar(a);
}

void coupling_inverse_cpu(std::ptrdiff_t rows, int columns, ConstView z, const LogScale& scale,
                          ConstView b, View x) {
  const CouplingArguments a = {rows, columns, z, scale, b, x, nullptr};
#if defined(__x86_64__)
  if (isa() >= Isa::avx512) return coupling_inverse_avx512(a);
  if (isa() >= Isa::avx2) return coupling_inverse_avx2(a);
#endif
  coupling_inverse_scalar(a);
}

namespace {

void backward_f32(const CouplingBackwardArguments& a, bool forward) {
#if defined(__x86_64__)
  if (isa() >= Isa::avx512) return coupling_backward_avx512(a, forward);
  if (isa() >= Isa::avx2) return coupling_backward_avx2(a, forward);
#endif
  coupling_backward_scalar(a, forward);
}

struct Scaling {
  double s, slope;  // slope: ds/draw
};

Scaling scaling_of(const LogScaleOf<double>& scale, double raw) {
  if (scale.bound == ScaleBound::exact) return {raw, 1};
  if (scale.bound == ScaleBound::tanh) {
    const double t = std::tanh(raw / scale.clamp);
    return {scale.clamp * t, 1 - t * t};
  }
  const double v = raw + 2;
  return {std::fmin(v, 0) - std::log1p(std::exp(-std::fabs(v))), 1 / (1 + std::exp(v))};
}

// each(row, column) for all of them
template <class Each>
void everywhere(std::ptrdiff_t rows, int columns, const Each& each) {
  for (std::ptrdiff_t row = 0; row < rows; ++row)
    for (int column = 0; column < columns; ++column) each(row, column);
}

void put(const ViewOf<double>& to, std::ptrdiff_t row, int column, double value) {
  if (to.data != nullptr) to.at(row, column) = value;
}

}  // namespace

void coupling_backward_scalar(const CouplingBackwardArguments& a, bool forward) {
  coupling_backward<Scalar>(a, forward);
}

void coupling_backward_cpu(std::ptrdiff_t rows, int columns, ConstView x, const LogScale& scale,
                           ConstView gz, float g_log_det, const CouplingGradients<float>& g) {
  backward_f32({rows, columns, x, scale, gz, g_log_det, g}, true);
}

void coupling_inverse_backward_cpu(std::ptrdiff_t rows, int columns, ConstView x,
                                   const LogScale& scale, ConstView gx,
                                   const CouplingGradients<float>& g) {
  backward_f32({rows, columns, x, scale, gx, 0, g}, false);
}

void coupling_forward_cpu(std::ptrdiff_t rows, int columns, ConstViewOf<double> x,
                          const LogScaleOf<double>& scale, ConstViewOf<double> b, ViewOf<double> z,
                          double* row_log_det) {
  for (std::ptrdiff_t row = 0; row < rows; ++row) {
    double log_det = 0;
    for (int column = 0; column < columns; ++column) {
      const double s = scaling_of(scale, scale.raw.at(row, column)).s;
      z.at(row, column) = std::exp(s) * x.at(row, column) + b.at(row, column);
      log_det += s;
    }
    if (row_log_det != nullptr) row_log_det[row] = log_det;
  }
}

void coupling_inverse_cpu(std::ptrdiff_t rows, int columns, ConstViewOf<double> z,
                          const LogScaleOf<double>& scale, ConstViewOf<double> b,
                          ViewOf<double> x) {
  everywhere(rows, columns, [&](std::ptrdiff_t row, int column) {
    const double s = scaling_of(scale, scale.raw.at(row, column)).s;
    x.at(row, column) = (z.at(row, column) - b.at(row, column)) * std::exp(-s);
  });
}

void coupling_backward_cpu(std::ptrdiff_t rows, int columns, ConstViewOf<double> x,
                           const LogScaleOf<double>& scale, ConstViewOf<double> gz,
                           double g_log_det, const CouplingGradients<double>& g) {
  everywhere(rows, columns, [&](std::ptrdiff_t row, int column) {
    const auto [s, slope] = scaling_of(scale, scale.raw.at(row, column));
    const double given = gz.at(row, column), scaled = std::exp(s) * given;
    const double of_raw = (scaled * x.at(row, column) + g_log_det) * slope;
    put(g.x, row, column, scaled);
    put(g.b, row, column, given);
    put(g.raw, row, column, of_raw);
  });
}

void coupling_inverse_backward_cpu(std::ptrdiff_t rows, int columns, ConstViewOf<double> x,
                                   const LogScaleOf<double>& scale, ConstViewOf<double> gx,
                                   const CouplingGradients<double>& g) {
  everywhere(rows, columns, [&](std::ptrdiff_t row, int column) {
    const auto [s, slope] = scaling_of(scale, scale.raw.at(row, column));
    const double given = gx.at(row, column), scaled = std::exp(-s) * given;
    const double of_raw = -given * x.at(row, column) * slope;
    put(g.x, row, column, scaled);
    put(g.b, row, column, -scaled);
    put(g.raw, row, column, of_raw);
  });
}

void log_det_total_cpu(std::ptrdiff_t rows, const double* row_log_det, double* total) {
  double sum = 0;
  for (std::ptrdiff_t row = 0; row < rows; ++row) sum += row_log_det[row];
  *total = sum;
}

}  // namespace fluvox::kernels
