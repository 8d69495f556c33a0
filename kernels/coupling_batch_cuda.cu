#include "kernels/block_sum.h"
#include "kernels/coupling_batch.h"
#include "kernels/coupling_scale.h"

namespace fluvox::kernels {

namespace {

constexpr int kThreads = 128;
static_assert(kCouplingPiece % kThreads == 0);

template <class T>
__device__ float optional(const Batch<const T>& from, std::ptrdiff_t item, int row, int column) {
  return from.data == nullptr ? 0.0f : to_float(from.at(item, row, column));
}

// One block, one piece of an item: first the places that change, then those that are kept.
// changed(item, row, column) and kept(item, row, column) for each.
template <class T, class Changed, class Kept>
__device__ void for_piece(const CouplingBatch<T>& c, std::ptrdiff_t pieces, const Changed& changed,
                          const Kept& kept) {
  const std::ptrdiff_t item = blockIdx.x / pieces;
  const auto piece = static_cast<unsigned>(blockIdx.x % pieces);
  const unsigned changing = static_cast<unsigned>(c.rows) * static_cast<unsigned>(c.columns);
  const unsigned keeping =
      static_cast<unsigned>(c.kept_rows) * static_cast<unsigned>(c.kept_columns);
  for (unsigned i = threadIdx.x; i < kCouplingPiece; i += kThreads) {
    const unsigned place = piece * kCouplingPiece + i;
    if (place < changing) {
      const auto columns = static_cast<unsigned>(c.columns);
      changed(item, static_cast<int>(place / columns), static_cast<int>(place % columns));
    } else if (place - changing < keeping) {
      const auto columns = static_cast<unsigned>(c.kept_columns);
      kept(item, static_cast<int>((place - changing) / columns),
           static_cast<int>((place - changing) % columns));
    }
  }
}

template <class T>
__global__ void forward_kernel(CouplingBatch<T> c, std::ptrdiff_t pieces, Places<const T> x,
                               Places<T> z, double* piece_sums) {
  double log_det = 0;
  for_piece(
      c, pieces,
      [&](std::ptrdiff_t item, int row, int column) {
        const float s = log_scale(c.bound, c.clamp, optional(c.raw, item, row, column));
        const float scaling = c.raw.data == nullptr ? 1.0f : expf(s);
        z.changed.at(item, row, column) = stored<T>(
            scaling * to_float(x.changed.at(item, row, column)) + optional(c.b, item, row, column));
        if (c.raw.data != nullptr) log_det += s;
      },
      [&](std::ptrdiff_t item, int row, int column) {
        z.kept.at(item, row, column) = x.kept.at(item, row, column);
      });
  if (piece_sums == nullptr) return;
  log_det = block_sum<kThreads>(log_det, shared_memory<double>());
  if (threadIdx.x == 0) piece_sums[blockIdx.x] = log_det;
}

// One block, one item.
__global__ void total_kernel(std::ptrdiff_t pieces, const double* piece_sums, double* log_det) {
  double sum = 0;
  const double* mine = piece_sums + blockIdx.x * pieces;
  for (std::ptrdiff_t i = threadIdx.x; i < pieces; i += kThreads) sum += mine[i];
  sum = block_sum<kThreads>(sum, shared_memory<double>());
  if (threadIdx.x == 0) log_det[blockIdx.x] = sum;
}

template <class T>
__global__ void inverse_kernel(CouplingBatch<T> c, std::ptrdiff_t pieces, Places<const T> z,
                               Places<T> x) {
  for_piece(
      c, pieces,
      [&](std::ptrdiff_t item, int row, int column) {
        const float s = log_scale(c.bound, c.clamp, optional(c.raw, item, row, column));
        const float scaling = c.raw.data == nullptr ? 1.0f : expf(-s);
        x.changed.at(item, row, column) = stored<T>(
            (to_float(z.changed.at(item, row, column)) - optional(c.b, item, row, column)) *
            scaling);
      },
      [&](std::ptrdiff_t item, int row, int column) {
        x.kept.at(item, row, column) = z.kept.at(item, row, column);
      });
}

__device__ float slope_of(ScaleBound bound, float clamp, float raw) {
  if (bound == ScaleBound::exact) return 1;
  if (bound == ScaleBound::tanh) {
    const float t = tanhf(raw / clamp);
    return 1 - t * t;
  }
  return 1 / (1 + expf(raw + 2));
}

template <class T>
__global__ void backward_kernel(CouplingBatch<T> c, std::ptrdiff_t pieces, bool forward,
                                Batch<const T> x, Places<const T> given, const float* g_log_det,
                                CouplingBatchGradients<T> g) {
  for_piece(
      c, pieces,
      [&](std::ptrdiff_t item, int row, int column) {
        const float raw = optional(c.raw, item, row, column);
        const float s = log_scale(c.bound, c.clamp, raw);
        const float scaling = c.raw.data == nullptr ? 1.0f : expf(forward ? s : -s);
        const float in = to_float(given.changed.at(item, row, column)), scaled = scaling * in;
        if (g.raw.data != nullptr) {
          const float from = to_float(x.at(item, row, column));
          const float of_s = forward
                                 ? scaled * from + (g_log_det == nullptr ? 0.0f : g_log_det[item])
                                 : -from * in;
          g.raw.at(item, row, column) = stored<T>(of_s * slope_of(c.bound, c.clamp, raw));
        }
        if (g.b.data != nullptr) g.b.at(item, row, column) = stored<T>(forward ? in : -scaled);
        if (g.x.changed.data != nullptr) g.x.changed.at(item, row, column) = stored<T>(scaled);
      },
      [&](std::ptrdiff_t item, int row, int column) {
        if (g.x.kept.data != nullptr)
          g.x.kept.at(item, row, column) = given.kept.at(item, row, column);
      });
}

}  // namespace

template <class T>
Status coupling_batch_forward_cuda(const CouplingBatch<T>& c, const Places<const T>& x,
                                   const Places<T>& z, double* sums, double* log_det,
                                   Stream stream) {
  const std::ptrdiff_t pieces = c.pieces();
  const std::size_t shared = kThreads * sizeof(double);
  const Status status =
      launch({"coupling_batch_forward", c.items * pieces, kThreads, shared}, stream,
             {{"items", c.items}, {"rows", c.rows}, {"columns", c.columns}}, forward_kernel<T>, c,
             pieces, x, z, log_det == nullptr ? nullptr : sums);
  if (!status.ok() || log_det == nullptr) return status;
  return launch({"coupling_batch_total", c.items, kThreads, shared}, stream,
                {{"items", c.items}, {"pieces", pieces}}, total_kernel, pieces, sums, log_det);
}

template <class T>
Status coupling_batch_inverse_cuda(const CouplingBatch<T>& c, const Places<const T>& z,
                                   const Places<T>& x, Stream stream) {
  return launch({"coupling_batch_inverse", c.items * c.pieces(), kThreads}, stream,
                {{"items", c.items}, {"rows", c.rows}, {"columns", c.columns}}, inverse_kernel<T>,
                c, c.pieces(), z, x);
}

template <class T>
Status coupling_batch_backward_cuda(const CouplingBatch<T>& c, Batch<const T> x,
                                    const Places<const T>& gz, const float* g_log_det,
                                    const CouplingBatchGradients<T>& g, Stream stream) {
  return launch({"coupling_batch_backward", c.items * c.pieces(), kThreads}, stream,
                {{"items", c.items}, {"rows", c.rows}, {"columns", c.columns}}, backward_kernel<T>,
                c, c.pieces(), true, x, gz, g_log_det, g);
}

template <class T>
Status coupling_batch_inverse_backward_cuda(const CouplingBatch<T>& c, Batch<const T> x,
                                            const Places<const T>& gx,
                                            const CouplingBatchGradients<T>& g, Stream stream) {
  return launch({"coupling_batch_inverse_backward", c.items * c.pieces(), kThreads}, stream,
                {{"items", c.items}, {"rows", c.rows}, {"columns", c.columns}}, backward_kernel<T>,
                c, c.pieces(), false, x, gx, nullptr, g);
}

#define FLUVOX_COUPLING_BATCH(T)                                                                \
  template Status coupling_batch_forward_cuda(const CouplingBatch<T>&, const Places<const T>&,  \
                                              const Places<T>&, double*, double*, Stream);      \
  template Status coupling_batch_inverse_cuda(const CouplingBatch<T>&, const Places<const T>&,  \
                                              const Places<T>&, Stream);                        \
  template Status coupling_batch_backward_cuda(const CouplingBatch<T>&, Batch<const T>,         \
                                               const Places<const T>&, const float*,            \
                                               const CouplingBatchGradients<T>&, Stream);       \
  template Status coupling_batch_inverse_backward_cuda(const CouplingBatch<T>&, Batch<const T>, \
                                                       const Places<const T>&,                  \
                                                       const CouplingBatchGradients<T>&, Stream);
FLUVOX_COUPLING_BATCH(float)
FLUVOX_COUPLING_BATCH(Bf16)
FLUVOX_COUPLING_BATCH(Half)
#undef FLUVOX_COUPLING_BATCH

}  // namespace fluvox::kernels
