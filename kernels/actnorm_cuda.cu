#include "kernels/actnorm.h"
#include "kernels/block_sum.h"

namespace fluvox::kernels {

namespace {

constexpr int kThreads = 128;

// One thread, one element; blocks count columns, then channels, then items.
template <class T>
__global__ void affine_kernel(bool forward, int channels, std::ptrdiff_t columns,
                              std::ptrdiff_t column_blocks, const float* s, const float* b,
                              Batch<const T> from, Batch<T> to) {
  const std::ptrdiff_t block = blockIdx.x;
  const std::ptrdiff_t t = block % column_blocks * kThreads + threadIdx.x;
  if (t >= columns) return;
  const int c = static_cast<int>(block / column_blocks % channels);
  const std::ptrdiff_t item = block / column_blocks / channels;
  const float given = to_float(from.at(item, c, t));
  to.at(item, c, t) = stored<T>(forward ? expf(s[c]) * (given + b[c]) : expf(-s[c]) * given - b[c]);
}

// One block, one piece of a channel of an item.
template <class T>
__global__ void backward_kernel(bool forward, std::ptrdiff_t columns, std::ptrdiff_t items,
                                const float* s, const float* b, Batch<const T> x,
                                Batch<const T> given, Batch<T> made, double* sums) {
  const std::ptrdiff_t pieces = (columns + kActNormPiece - 1) / kActNormPiece;
  const std::ptrdiff_t block = blockIdx.x;  // [channels][items][pieces]
  const std::ptrdiff_t item = block / pieces % items;
  const int c = static_cast<int>(block / pieces / items);
  const std::ptrdiff_t begin = block % pieces * kActNormPiece;
  const std::ptrdiff_t end = columns - begin < kActNormPiece ? columns : begin + kActNormPiece;
  const float scaling = expf(forward ? s[c] : -s[c]);
  double of_s = 0, of_b = 0;
  for (std::ptrdiff_t t = begin + threadIdx.x; t < end; t += kThreads) {
    const float g = to_float(given.at(item, c, t)), scaled = scaling * g;
    const double gx = forward ? scaled : -g;
    of_b += gx;
    of_s += gx * (double{to_float(x.at(item, c, t))} + double{b[c]});
    made.at(item, c, t) = stored<T>(scaled);
  }
  double* shared = shared_memory<double>();
  of_s = block_sum<kThreads>(of_s, shared);
  __syncthreads();
  of_b = block_sum<kThreads>(of_b, shared);
  if (threadIdx.x == 0) {
    sums[block] = of_s;
    sums[block + std::ptrdiff_t{gridDim.x}] = of_b;
  }
}

// One block, one number: the gs, then the gb.
__global__ void total_kernel(std::ptrdiff_t pieces, int channels, const double* sums, double* gs,
                             double* gb) {
  const double* mine = sums + blockIdx.x * pieces;
  double sum = 0;
  for (std::ptrdiff_t i = threadIdx.x; i < pieces; i += kThreads) sum += mine[i];
  sum = block_sum<kThreads>(sum, shared_memory<double>());
  if (threadIdx.x > 0) return;
  const int number = static_cast<int>(blockIdx.x);
  if (number < channels)
    gs[number] = sum;
  else
    gb[number - channels] = sum;
}

template <class T>
Status affine(const char* name, bool forward, std::ptrdiff_t items, int channels,
              std::ptrdiff_t columns, const float* s, const float* b, Batch<const T> from,
              Batch<T> to, Stream stream) {
  const std::ptrdiff_t column_blocks = blocks_for(columns, kThreads);
  return launch({name, items * channels * column_blocks, kThreads}, stream,
                {{"items", items}, {"channels", channels}, {"columns", columns}}, affine_kernel<T>,
                forward, channels, columns, column_blocks, s, b, from, to);
}

}  // namespace

template <class T>
Status actnorm_forward_cuda(std::ptrdiff_t items, int channels, std::ptrdiff_t columns,
                            const float* s, const float* b, Batch<const T> x, Batch<T> z,
                            Stream stream) {
  return affine("actnorm_forward", true, items, channels, columns, s, b, x, z, stream);
}

template <class T>
Status actnorm_inverse_cuda(std::ptrdiff_t items, int channels, std::ptrdiff_t columns,
                            const float* s, const float* b, Batch<const T> z, Batch<T> x,
                            Stream stream) {
  return affine("actnorm_inverse", false, items, channels, columns, s, b, z, x, stream);
}

template <class T>
Status actnorm_backward_cuda(bool forward, std::ptrdiff_t items, int channels,
                             std::ptrdiff_t columns, const float* s, const float* b,
                             Batch<const T> x, Batch<const T> given, Batch<T> made, double* sums,
                             double* gs, double* gb, Stream stream) {
  const std::ptrdiff_t pieces = actnorm_pieces(items, columns);
  const std::size_t shared = kThreads * sizeof(double);
  const Status status =
      launch({"actnorm_backward", channels * pieces, kThreads, shared}, stream,
             {{"items", items}, {"channels", channels}, {"columns", columns}}, backward_kernel<T>,
             forward, columns, items, s, b, x, given, made, sums);
  if (!status.ok()) return status;
  return launch({"actnorm_backward_total", std::ptrdiff_t{2} * channels, kThreads, shared}, stream,
                {{"pieces", pieces}, {"channels", channels}}, total_kernel, pieces, channels, sums,
                gs, gb);
}

#define FLUVOX_ACTNORM(T)                                                                        \
  template Status actnorm_forward_cuda(std::ptrdiff_t, int, std::ptrdiff_t, const float*,        \
                                       const float*, Batch<const T>, Batch<T>, Stream);          \
  template Status actnorm_inverse_cuda(std::ptrdiff_t, int, std::ptrdiff_t, const float*,        \
                                       const float*, Batch<const T>, Batch<T>, Stream);          \
  template Status actnorm_backward_cuda(bool, std::ptrdiff_t, int, std::ptrdiff_t, const float*, \
                                        const float*, Batch<const T>, Batch<const T>, Batch<T>,  \
                                        double*, double*, double*, Stream);
FLUVOX_ACTNORM(float)
FLUVOX_ACTNORM(Bf16)
FLUVOX_ACTNORM(Half)
#undef FLUVOX_ACTNORM

}  // namespace fluvox::kernels
