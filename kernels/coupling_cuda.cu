#include "kernels/coupling_scale.h"

namespace fluvox::kernels {

namespace {

constexpr int kThreads = 128;
constexpr int kWarp = 32;

// Lanes that share a row: the power of two that covers its columns, at most a warp.
int lanes_for(int columns) {
  int lanes = 1;
  while (lanes < columns && lanes < kWarp) lanes *= 2;
  return lanes;
}

// `lanes` threads to a row, each taking every lanes-th column; then a butterfly over the lanes adds
// their sums, in the same order for every row of this width.
__global__ void forward_kernel(std::ptrdiff_t rows, int columns, int lanes, ConstView x,
                               LogScale scale, ConstView b, View z, double* row_log_det) {
  const int lane = static_cast<int>(threadIdx.x) % lanes;
  const std::ptrdiff_t row =
      (std::ptrdiff_t{blockIdx.x} * kThreads + static_cast<std::ptrdiff_t>(threadIdx.x)) / lanes;
  double log_det = 0;
  if (row < rows)
    for (int column = lane; column < columns; column += lanes) {
      const float s = log_scale(scale.bound, scale.clamp, scale.raw.at(row, column));
      z.at(row, column) = expf(s) * x.at(row, column) + b.at(row, column);
      log_det += s;
    }
  if (row_log_det == nullptr) return;
  for (int offset = lanes / 2; offset > 0; offset /= 2)
    log_det += __shfl_xor_sync(0xffffffffu, log_det, offset);
  if (row < rows && lane == 0) row_log_det[row] = log_det;
}

// One thread, one element.
__global__ void inverse_kernel(std::ptrdiff_t rows, int columns, ConstView z, LogScale scale,
                               ConstView b, View x) {
  const std::ptrdiff_t index = std::ptrdiff_t{blockIdx.x} * kThreads + threadIdx.x;
  if (index >= rows * columns) return;
  const std::ptrdiff_t row = index / columns;
  const int column = static_cast<int>(index % columns);
  const float s = log_scale(scale.bound, scale.clamp, scale.raw.at(row, column));
  x.at(row, column) = (z.at(row, column) - b.at(row, column)) * expf(-s);
}

// One block: thread i adds rows i, i + kThreads, ...; then halves are added to halves.
__global__ void total_kernel(std::ptrdiff_t rows, const double* row_log_det, double* total) {
  double* sums = shared_memory<double>();
  double sum = 0;
  for (std::ptrdiff_t row = threadIdx.x; row < rows; row += kThreads) sum += row_log_det[row];
  sums[threadIdx.x] = sum;
  for (unsigned half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  if (threadIdx.x == 0) *total = sums[0];
}

}  // namespace

Status coupling_forward_cuda(std::ptrdiff_t rows, int columns, ConstView x, const LogScale& scale,
                             ConstView b, View z, double* row_log_det, Stream stream) {
  const int lanes = lanes_for(columns);
  return launch({"coupling_forward", blocks_for(rows, kThreads / lanes), kThreads}, stream,
                {{"rows", rows}, {"columns", columns}}, forward_kernel, rows, columns, lanes, x,
                scale, b, z, row_log_det);
}

Status coupling_inverse_cuda(std::ptrdiff_t rows, int columns, ConstView z, const LogScale& scale,
                             ConstView b, View x, Stream stream) {
  return launch({"coupling_inverse", blocks_for(rows * columns, kThreads), kThreads}, stream,
                {{"rows", rows}, {"columns", columns}}, inverse_kernel, rows, columns, z, scale, b,
                x);
}

Status log_det_total_cuda(std::ptrdiff_t rows, const double* row_log_det, double* total,
                          Stream stream) {
  return launch({"log_det_total", 1, kThreads, kThreads * sizeof(double)}, stream, {{"rows", rows}},
                total_kernel, rows, row_log_det, total);
}

}  // namespace fluvox::kernels
