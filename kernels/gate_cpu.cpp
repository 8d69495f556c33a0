#include <cmath>

#include "kernels/gate.h"
#include "kernels/gate_rows.h"
#include "kernels/isa.h"
#include "kernels/ops_scalar.h"

namespace fluvox::kernels {

void gate_scalar(const GateArguments& g) { gate_rows<Scalar>(g); }
void gate_factors_scalar(const GateFactorsArguments& g) { gate_factors_rows<Scalar>(g); }
void gate_backward_scalar(const GateBackwardArguments& g) { gate_backward_rows<Scalar>(g); }

void gate_cpu(std::ptrdiff_t rows, int channels, const float* a, std::ptrdiff_t a_stride,
              const float* q, std::ptrdiff_t q_stride, float* y, std::ptrdiff_t y_stride) {
  const GateArguments g = {rows, channels, a, a_stride, q, q_stride, y, y_stride};
#if defined(__x86_64__)
  if (isa() >= Isa::avx512) return gate_avx512(g);
  if (isa() >= Isa::avx2) return gate_avx2(g);
#endif
  gate_scalar(g);
}

void gate_factors_cpu(std::ptrdiff_t rows, int channels, int first, int last, const float* a,
                      std::ptrdiff_t a_stride, const float* q, std::ptrdiff_t q_stride, float* f,
                      float* y, std::ptrdiff_t y_stride) {
  const GateFactorsArguments g = {
      {rows, channels, a, a_stride, q, q_stride, y, y_stride}, first, last, f};
#if defined(__x86_64__)
  if (isa() >= Isa::avx512) return gate_factors_avx512(g);
  if (isa() >= Isa::avx2) return gate_factors_avx2(g);
#endif
  gate_factors_scalar(g);
}

void gate_factors_cpu(std::ptrdiff_t rows, int channels, int first, int last, const double* a,
                      std::ptrdiff_t a_stride, const double* q, std::ptrdiff_t q_stride, double* f,
                      double* y, std::ptrdiff_t y_stride) {
  for (std::ptrdiff_t t = 0; t < rows; ++t)
    for (int c = first; c < last; ++c) {
      const double* from = a + t * a_stride + c;
      double u = from[0], v = from[channels];
      if (q != nullptr) {
        u += q[t * q_stride + c];
        v += q[t * q_stride + channels + c];
      }
      u = std::tanh(u);
      v = 1 / (1 + std::exp(-v));
      if (f != nullptr) {
        f[t * 2 * channels + c] = u;
        f[t * 2 * channels + channels + c] = v;
      }
      y[t * y_stride + c] = u * v;
    }
}

void gate_backward_cpu(std::ptrdiff_t rows, int channels, int first, int last, const float* f,
                       const float* gy, float* ga) {
  const GateBackwardArguments g = {rows, channels, first, last, f, gy, ga};
#if defined(__x86_64__)
  if (isa() >= Isa::avx512) return gate_backward_avx512(g);
  if (isa() >= Isa::avx2) return gate_backward_avx2(g);
#endif
  gate_backward_scalar(g);
}

void gate_backward_cpu(std::ptrdiff_t rows, int channels, int first, int last, const double* f,
                       const double* gy, double* ga) {
  for (std::ptrdiff_t t = 0; t < rows; ++t)
    for (int c = first; c < last; ++c) {
      const std::ptrdiff_t i = t * 2 * channels + c;
      const double u = f[i], v = f[i + channels], along = gy[t * channels + c] * v;
      ga[i] = along * (1 - u * u);
      ga[i + channels] = along * u * (1 - v);
    }
}

}  // namespace fluvox::kernels
