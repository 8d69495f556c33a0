#include "kernels/mma_outer.h"
#include "kernels/mma_tile.h"

namespace fluvox::kernels {

namespace {

// Of mma_tile.h the sums alone: what is its k there is time here, and both operands lie with time
// as their rows, so ldmatrix turns them round.
template <class T>
using Tile = MmaTile<T, 2, 2, 2, 4, false>;  // 64 inputs, 128 outputs

constexpr int kTimes = 32;  // rows of a stage
constexpr int kOuterStages = 3;

template <class T>
struct Stage {
  static constexpr int kNumbers = kCopyBytes / static_cast<int>(sizeof(T));  // of one copy
  // From time to time; 16 bytes more than there are, out of step with the banks.
  static constexpr int kXBytes = Tile<T>::kRows * static_cast<int>(sizeof(T)) + kCopyBytes;
  static constexpr int kDBytes = Tile<T>::kColumns * static_cast<int>(sizeof(T)) + kCopyBytes;
  static constexpr int kDAt = kTimes * kXBytes;
  static constexpr int kBytes = kDAt + kTimes * kDBytes;

  // Columns [first, first + count) of kTimes rows, of which row r begins at row(r), if not nullptr.
  template <class Row>
  __device__ static void fill(unsigned char* to, int to_stride, const T* anywhere, int first,
                              int count, int columns, Row row) {
    const int copies = count / kNumbers;
    for (int at = static_cast<int>(threadIdx.x); at < kTimes * copies; at += Tile<T>::kThreads) {
      const int r = at / copies, column = first + at % copies * kNumbers;
      const T* from = row(r);
      const bool there = from != nullptr && column < columns;
      copy_async(to + r * to_stride + at % copies * kCopyBytes, there ? from + column : anywhere,
                 there);
    }
  }
};

template <class T>
__device__ void add_times(Tile<T>& tile, const unsigned char* stage) {
  using S = Stage<T>;
  const int lane = Tile<T>::lane();
  if constexpr (sizeof(T) == 2) {
    // The lane's row of an 8 x 8 matrix: of a, matrices 1 and 3 are 8 inputs further, 2 and 3 eight
    // times; of b, 1 and 3 are 8 times further, 2 and 3 eight outputs.
    const int matrix = lane / 8, row = lane % 8;
    const unsigned char* x =
        stage + (matrix / 2 * 8 + row) * S::kXBytes + (Tile<T>::first_row() + matrix % 2 * 8) * 2;
    const unsigned char* d = stage + S::kDAt + (matrix % 2 * 8 + row) * S::kDBytes +
                             (Tile<T>::first_panel() * kPanelOutputs + matrix / 2 * 8) * 2;
    FLUVOX_UNROLLED
    for (int k = 0; k < kTimes; k += 16) {
      std::uint32_t a[2][4];
      FLUVOX_UNROLLED
      for (int height = 0; height < 2; ++height)
        load_matrices_transposed(a[height], x + k * S::kXBytes + height * 32);
      FLUVOX_UNROLLED
      for (int p = 0; p < Tile<T>::kWarpPanels; ++p) {
        std::uint32_t b[4];
        load_matrices_transposed(b, d + k * S::kDBytes + p * 32);
        FLUVOX_UNROLLED
        for (int height = 0; height < 2; ++height) {
          multiply_add<T>(tile.sums[height][2 * p], a[height], b[0], b[1]);
          multiply_add<T>(tile.sums[height][2 * p + 1], a[height], b[2], b[3]);
        }
      }
    }
  } else {
    for (int k = 0; k < kTimes; ++k) {
      const T* x = reinterpret_cast<const T*>(stage + k * S::kXBytes);
      const T* d = reinterpret_cast<const T*>(stage + S::kDAt + k * S::kDBytes) +
                   Tile<T>::first_panel() * kPanelOutputs + lane % 4 * 2;
      float a[Tile<T>::kLaneRows];
      FLUVOX_UNROLLED
      for (int i = 0; i < Tile<T>::kLaneRows; ++i) a[i] = x[Tile<T>::lane_row(i)];
      FLUVOX_UNROLLED
      for (int eight = 0; eight < 2 * Tile<T>::kWarpPanels; ++eight) {
        const float2 b = *reinterpret_cast<const float2*>(d + 8 * eight);
        FLUVOX_UNROLLED
        for (int i = 0; i < Tile<T>::kLaneRows; ++i) {
          float* sum = &tile.sums[i / 2][eight][i % 2 * 2];
          sum[0] = fused(a[i], b.x, sum[0]);
          sum[1] = fused(a[i], b.y, sum[1]);
        }
      }
    }
  }
}

// A block: one slice of time, 64 inputs, 128 outputs. Where there is no such slice it leaves zeros.
template <class T>
__global__ void __launch_bounds__(Tile<T>::kThreads)
    mma_outer_kernel(MmaOuter<T> outer, const Span* spans, int span_count, float* workspace) {
  using S = Stage<T>;
  const int down = (outer.inputs + Tile<T>::kRows - 1) / Tile<T>::kRows;
  const int across = (outer.outputs + Tile<T>::kColumns - 1) / Tile<T>::kColumns;
  const int input = static_cast<int>(blockIdx.x) % down * Tile<T>::kRows;
  const int output = static_cast<int>(blockIdx.x) / down % across * Tile<T>::kColumns;
  const std::ptrdiff_t slice = static_cast<int>(blockIdx.x) / (down * across);
  Span span{};
  std::ptrdiff_t first = 0, last = 0;
  if (find_tile(spans, span_count, kOuterRows, slice, &span, &first))
    last = first + kOuterRows < span.end ? first + kOuterRows : span.end;
  const int chunks = static_cast<int>((last - first + kTimes - 1) / kTimes);

  unsigned char* stages = shared_memory<unsigned char>();
  const auto fill = [&](int chunk) {
    if (chunk < chunks) {
      unsigned char* stage = stages + chunk % kOuterStages * S::kBytes;
      const std::ptrdiff_t from = first + std::ptrdiff_t{chunk} * kTimes;
      S::fill(stage, S::kXBytes, outer.x, input, Tile<T>::kRows, outer.inputs,
              [&](int r) -> const T* {
                const std::ptrdiff_t row = from + r + outer.offset;
                return row >= span.from && row < span.to ? outer.x + row * outer.x_stride : nullptr;
              });
      S::fill(stage + S::kDAt, S::kDBytes, outer.d, output, Tile<T>::kColumns, outer.outputs,
              [&](int r) -> const T* {
                return from + r < last ? outer.d + (from + r) * outer.d_stride : nullptr;
              });
    }
    copy_async_commit();
  };

  Tile<T> tile;
  tile.clear();
  float bias = 0;  // of this thread's column
  for (int chunk = 0; chunk < kOuterStages - 1; ++chunk) fill(chunk);
  for (int chunk = 0; chunk < chunks; ++chunk) {
    copy_async_wait<kOuterStages - 2>();
    __syncthreads();
    fill(chunk + kOuterStages - 1);
    const unsigned char* stage = stages + chunk % kOuterStages * S::kBytes;
    add_times<T>(tile, stage);
    if (input == 0)
      for (int k = 0; k < kTimes; ++k)
        bias += to_float(reinterpret_cast<const T*>(stage + S::kDAt + k * S::kDBytes)[threadIdx.x]);
  }

  static_assert(Tile<T>::kColumns == Tile<T>::kThreads);
  float* sums = workspace + slice * (outer.inputs + 1) * outer.outputs;
  const int column = output + static_cast<int>(threadIdx.x);
  if (input == 0 && column < outer.outputs)
    sums[std::ptrdiff_t{outer.inputs} * outer.outputs + column] = bias;
  tile.each(Tile<T>::kPassPanels, [&](int i, int p, const float* a, const float* b) {
    const int row = input + Tile<T>::lane_row(i);
    const int o = output + (Tile<T>::first_panel() + p) * kPanelOutputs + Tile<T>::lane() % 4 * 2;
    if (row >= outer.inputs) return;
    float* to = sums + std::ptrdiff_t{row} * outer.outputs + o;
    for (int j = 0; j < 2; ++j) {
      if (o + j < outer.outputs) to[j] = a[j];
      if (o + 8 + j < outer.outputs) to[8 + j] = b[j];
    }
  });
}

constexpr int kThreads = 128;

// One thread, one element: the slices' sums in their order.
__global__ void add_slices_kernel(std::ptrdiff_t count, std::ptrdiff_t slices,
                                  const float* workspace, float* result) {
  const std::ptrdiff_t index = std::ptrdiff_t{blockIdx.x} * kThreads + threadIdx.x;
  if (index >= count) return;
  float sum = 0;
  for (std::ptrdiff_t slice = 0; slice < slices; ++slice) sum += workspace[slice * count + index];
  result[index] = sum;
}

}  // namespace

template <class T>
Status mma_outer_cuda(const MmaOuter<T>& outer, const Span* spans, int span_count,
                      std::ptrdiff_t rows, float* workspace, float* result, Stream stream) {
  const std::ptrdiff_t slices = most_tiles(rows, span_count, kOuterRows);
  const std::ptrdiff_t tiles =
      blocks_for(outer.inputs, Tile<T>::kRows) * blocks_for(outer.outputs, Tile<T>::kColumns);
  const Status status = launch(
      {"mma_outer", slices * tiles, Tile<T>::kThreads, kOuterStages * Stage<T>::kBytes}, stream,
      {{"rows", rows},
       {"inputs", outer.inputs},
       {"outputs", outer.outputs},
       {"bits", 8 * sizeof(T)}},
      mma_outer_kernel<T>, outer, spans, span_count, workspace);
  if (!status.ok()) return status;
  const std::ptrdiff_t count = std::ptrdiff_t{outer.inputs + 1} * outer.outputs;
  return launch({"mma_outer_add", blocks_for(count, kThreads), kThreads}, stream,
                {{"slices", slices}, {"inputs", outer.inputs}, {"outputs", outer.outputs}},
                add_slices_kernel, count, slices, workspace, result);
}

#define FLUVOX_MMA_OUTER(T)                                                                       \
  template Status mma_outer_cuda<T>(const MmaOuter<T>&, const Span*, int, std::ptrdiff_t, float*, \
                                    float*, Stream);
FLUVOX_MMA_OUTER(Bf16)
FLUVOX_MMA_OUTER(Half)
FLUVOX_MMA_OUTER(float)
#undef FLUVOX_MMA_OUTER

}  // namespace fluvox::kernels
