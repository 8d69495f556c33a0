#include "kernels/device.h"
#include "kernels/mixing.h"

namespace fluvox::kernels {

namespace {

constexpr int kThreads = 128;
constexpr int kWarp = 32;
constexpr int kOutputs = 8;  // channels of z that a thread makes of one reading of x

// One thread, one column of an item and kOutputs channels.
template <class T>
__global__ void mixing_kernel(int channels, std::ptrdiff_t columns, std::ptrdiff_t column_blocks,
                              int output_blocks, const float* w, std::ptrdiff_t w_row,
                              std::ptrdiff_t w_column, Batch<const T> x, Batch<T> z) {
  const std::ptrdiff_t block = blockIdx.x;
  const std::ptrdiff_t column = block % column_blocks * kThreads + threadIdx.x;
  if (column >= columns) return;
  const int first = static_cast<int>(block / column_blocks % output_blocks) * kOutputs;
  const std::ptrdiff_t item = block / column_blocks / output_blocks;
  float sums[kOutputs] = {};
  for (int j = 0; j < channels; ++j) {
    const float in = to_float(x.at(item, j, column));
    for (int i = 0; i < kOutputs; ++i)
      if (first + i < channels) sums[i] = fused(w[(first + i) * w_row + j * w_column], in, sums[i]);
  }
  for (int i = 0; i < kOutputs; ++i)
    if (first + i < channels) z.at(item, first + i, column) = stored<T>(sums[i]);
}

// One block, one piece of an item; one warp at a time, one element of gw: each lane adds every
// 32nd column, then a butterfly adds the lanes.
template <class T>
__global__ void gradient_kernel(int channels, std::ptrdiff_t columns, Batch<const T> gz,
                                Batch<const T> x, float* sums) {
  const std::ptrdiff_t pieces = (columns + kMixingPiece - 1) / kMixingPiece;
  const std::ptrdiff_t item = blockIdx.x / pieces;
  const std::ptrdiff_t begin = blockIdx.x % pieces * kMixingPiece;
  const std::ptrdiff_t end = columns - begin < kMixingPiece ? columns : begin + kMixingPiece;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  for (int element = static_cast<int>(threadIdx.x) / kWarp; element < channels * channels;
       element += kThreads / kWarp) {
    const int i = element / channels, j = element % channels;
    float sum = 0;
    for (std::ptrdiff_t t = begin + lane; t < end; t += kWarp)
      sum = fused(to_float(gz.at(item, i, t)), to_float(x.at(item, j, t)), sum);
    for (int offset = kWarp / 2; offset > 0; offset /= 2)
      sum += __shfl_xor_sync(0xffffffffu, sum, offset);
    if (lane == 0) sums[std::ptrdiff_t{blockIdx.x} * channels * channels + element] = sum;
  }
}

// One thread, one element of gw.
__global__ void gradient_total_kernel(std::ptrdiff_t pieces, int elements, const float* sums,
                                      double* gw) {
  const int element = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (element >= elements) return;
  double sum = 0;
  for (std::ptrdiff_t piece = 0; piece < pieces; ++piece) sum += sums[piece * elements + element];
  gw[element] = sum;
}

// One block. Shared: the column under the pivot, then what the search for the pivot needs.
__global__ void inverse_kernel(int n, const double* w, int* rows, double* a, double* log_abs_det) {
  double* column = shared_memory<double>();
  double* best = column + n;
  int* best_row = reinterpret_cast<int*>(best + kThreads);
  const int me = static_cast<int>(threadIdx.x);
  for (int i = me; i < n * n; i += kThreads) a[i] = w[i];
  double sum = 0;
  bool singular = false;  // what follows a pivot of 0 is NaN
  for (int k = 0; k < n; ++k) {
    __syncthreads();
    // The largest of the column, the first of equals.
    double largest = -1;
    int row = n;
    for (int i = k + me; i < n; i += kThreads) {
      const double size = fabs(a[i * n + k]);
      if (size > largest) largest = size, row = i;
    }
    best[me] = largest;
    best_row[me] = row;
    for (int half = kThreads / 2; half > 0; half /= 2) {
      __syncthreads();
      if (me >= half) continue;
      const double other = best[me + half];
      const int other_row = best_row[me + half];
      if (other > best[me] || (other == best[me] && other_row < best_row[me])) {
        best[me] = other;
        best_row[me] = other_row;
      }
    }
    __syncthreads();
    const int pivot = best_row[0] < n ? best_row[0] : k;  // k: where all are NaN
    if (me == 0) rows[k] = pivot;
    if (pivot != k)
      for (int j = me; j < n; j += kThreads) {
        const double swapped = a[k * n + j];
        a[k * n + j] = a[pivot * n + j];
        a[pivot * n + j] = swapped;
      }
    __syncthreads();
    const double divisor = a[k * n + k];
    singular = singular || divisor == 0;
    sum += log(fabs(divisor));
    for (int i = me; i < n; i += kThreads) column[i] = a[i * n + k];
    __syncthreads();
    for (int j = me; j < n; j += kThreads) a[k * n + j] = (j == k ? 1.0 : a[k * n + j]) / divisor;
    __syncthreads();
    for (int element = me; element < n * n; element += kThreads) {
      const int i = element / n, j = element % n;
      if (i != k) a[element] = (j == k ? 0.0 : a[element]) - column[i] * a[k * n + j];
    }
  }
  __syncthreads();
  for (int k = n - 1; k >= 0; --k) {
    // Every thread has rows of its own.
    const int other = rows[k];
    if (other == k) continue;
    for (int i = me; i < n; i += kThreads) {
      const double swapped = a[i * n + k];
      a[i * n + k] = a[i * n + other];
      a[i * n + other] = swapped;
    }
  }
  if (me == 0) *log_abs_det = singular ? -HUGE_VAL : sum;
}

}  // namespace

template <class T>
Status mixing_cuda(std::ptrdiff_t items, int channels, std::ptrdiff_t columns, const float* w,
                   std::ptrdiff_t w_row, std::ptrdiff_t w_column, Batch<const T> x, Batch<T> z,
                   Stream stream) {
  const std::ptrdiff_t column_blocks = blocks_for(columns, kThreads);
  const auto output_blocks = static_cast<int>(blocks_for(channels, kOutputs));
  return launch({"mixing", items * column_blocks * output_blocks, kThreads}, stream,
                {{"items", items}, {"channels", channels}, {"columns", columns}}, mixing_kernel<T>,
                channels, columns, column_blocks, output_blocks, w, w_row, w_column, x, z);
}

template <class T>
Status mixing_weight_gradient_cuda(std::ptrdiff_t items, int channels, std::ptrdiff_t columns,
                                   Batch<const T> gz, Batch<const T> x, float* sums, double* gw,
                                   Stream stream) {
  const std::ptrdiff_t pieces = mixing_pieces(items, columns);
  const Status status = launch({"mixing_weight_gradient", pieces, kThreads}, stream,
                               {{"items", items}, {"channels", channels}, {"columns", columns}},
                               gradient_kernel<T>, channels, columns, gz, x, sums);
  if (!status.ok()) return status;
  const int elements = channels * channels;
  return launch({"mixing_weight_gradient_total", blocks_for(elements, kThreads), kThreads}, stream,
                {{"pieces", pieces}, {"channels", channels}}, gradient_total_kernel, pieces,
                elements, sums, gw);
}

Status inverse_log_det_cuda(int channels, const double* w, int* rows, double* inverse,
                            double* log_abs_det, Stream stream) {
  const std::size_t shared =
      static_cast<std::size_t>(channels + kThreads) * sizeof(double) + kThreads * sizeof(int);
  return launch({"inverse_log_det", 1, kThreads, shared}, stream, {{"channels", channels}},
                inverse_kernel, channels, w, rows, inverse, log_abs_det);
}

#define FLUVOX_MIXING(T)                                                                           \
  template Status mixing_cuda(std::ptrdiff_t, int, std::ptrdiff_t, const float*, std::ptrdiff_t,   \
                              std::ptrdiff_t, Batch<const T>, Batch<T>, Stream);                   \
  template Status mixing_weight_gradient_cuda(std::ptrdiff_t, int, std::ptrdiff_t, Batch<const T>, \
                                              Batch<const T>, float*, double*, Stream);
FLUVOX_MIXING(float)
FLUVOX_MIXING(Bf16)
FLUVOX_MIXING(Half)
#undef FLUVOX_MIXING

}  // namespace fluvox::kernels
