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

void log_det_total_cpu(std::ptrdiff_t rows, const double* row_log_det, double* total) {
  double sum = 0;
  for (std::ptrdiff_t row = 0; row < rows; ++row) sum += row_log_det[row];
  *total = sum;
}

}  // namespace fluvox::kernels
