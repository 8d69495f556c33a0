#include "kernels/conv2d.h"
#include "kernels/mma_tile.h"

namespace fluvox::kernels {

namespace {

// A block makes kTall rows x kWide columns of the grid, a warp one row of it.
template <class T, int kTall_, int kWide_>
struct GridTile {
  static constexpr int kTall = kTall_, kWide = kWide_;
  using Mma = MmaTile<T, kTall, 1, kWide / 16, 2, false>;  // 32 channels at a time
};
template <class T>
using Small = GridTile<T, 4, 32>;
template <class T>
using Large = GridTile<T, 8, 64>;

// The part of x that a block's taps meet, in shared memory: read once for all taps. A place's
// numbers are filled up to whole chunks with zeros, then 16 bytes apart from the next place's.
template <class T, class Tile>
struct Patch {
  int rows, columns, place_bytes;

  FLUVOX_HOST_DEVICE explicit Patch(const Conv2dLayer<T>& layer)
      : rows(Tile::kTall + layer.kernel - 1),
        columns(Tile::kWide + (layer.kernel - 1) * layer.dilation),
        place_bytes(chunks_of<T>(layer.inputs) * kChunkBytes + kCopyBytes) {}

  FLUVOX_HOST_DEVICE std::size_t bytes() const {
    return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns) *
           static_cast<std::size_t>(place_bytes);
  }

  // first_row, first_column: of the block, in the grid
  __device__ void fill(unsigned char* patch, const Conv2dLayer<T>& layer, const Span& span,
                       std::ptrdiff_t first_row, int first_column) const {
    constexpr int kNumbers = kCopyBytes / static_cast<int>(sizeof(T));
    const int copies = place_bytes / kCopyBytes - 1;
    for (int at = static_cast<int>(threadIdx.x); at < rows * columns * copies;
         at += Tile::Mma::kThreads) {
      const int place = at / copies, number = at % copies * kNumbers;
      const std::ptrdiff_t row = first_row - (layer.kernel - 1) + place / columns;
      const int column = first_column - (layer.kernel - 1) / 2 * layer.dilation + place % columns;
      const bool there = row >= span.from && row < span.end && column >= 0 &&
                         column < layer.columns && number < layer.inputs;
      copy_async(
          patch + place * place_bytes + at % copies * kCopyBytes,
          there ? layer.x + (row * layer.columns + column) * layer.x_stride + number : layer.x,
          there);
    }
  }
};

__device__ void transform(const Conv2dAffine& affine, float b, float raw, std::ptrdiff_t row,
                          int column, std::ptrdiff_t place) {
  const float s = affine.limit > 0 ? affine.limit * tanhf(raw / affine.limit) : raw;
  const float from = affine.from.at(row, column);
  affine.to.at(row, column) = affine.inverse ? (from - b) * expf(-s) : expf(s) * from + b;
  if (!affine.inverse && affine.log_scale != nullptr)
    affine.log_scale[place] = static_cast<double>(s);
}

template <class T, class Tile, bool kLast>
__global__ void __launch_bounds__(Tile::Mma::kThreads)
    conv2d_kernel(Conv2dLayer<T> layer, Conv2dWeights<T> weights, Conv2dAffine affine,
                  const Span* spans, int span_count) {
  using Mma = typename Tile::Mma;
  const int across = (layer.columns + Tile::kWide - 1) / Tile::kWide;
  const int first_column = static_cast<int>(blockIdx.x % across) * Tile::kWide;
  Span span;
  std::ptrdiff_t first_row;
  if (!find_tile(spans, span_count, Tile::kTall, blockIdx.x / across, &span, &first_row)) return;

  unsigned char* stages = shared_memory<unsigned char>();
  unsigned char* patch = stages + Mma::kSharedBytes;
  const Patch<T, Tile> shape(layer);
  shape.fill(patch, layer, span, first_row, first_column);  // lands with the first stage

  const int panels = panels_of(layer.channels), passes = passes_of<Mma>(panels);
  const int of_tap = chunks_of<T>(layer.inputs);
  const int chunks = layer.kernel * layer.kernel * of_tap, end = passes * chunks;
  const auto fill = [&](unsigned char* stage, int chunk) {
    fill_pass<T, Mma>(stage, weights.w, chunk % chunks, chunk / chunks, panels);
  };
  const auto rows = [&](const unsigned char*, int chunk) {
    const int tap = chunk % chunks / of_tap, i = tap / layer.kernel, j = tap % layer.kernel;
    const unsigned char* x = patch + (i * shape.columns + j * layer.dilation) * shape.place_bytes +
                             chunk % of_tap * kChunkBytes;
    return [x, &shape](int row) {
      return x + (row / Tile::kWide * shape.columns + row % Tile::kWide) * shape.place_bytes;
    };
  };

  Mma tile;
  Mma::begin(stages, end, fill);
  // This lane's part of (b, raw) for each of its rows: the sum over its columns.
  float out[Mma::kLaneRows][2] = {};
  for (int pass = 0; pass < passes; ++pass) {
    tile.clear();
    const int here = panels_in<Mma>(pass, panels);
    tile.run(stages, pass * chunks, (pass + 1) * chunks, end, here, fill, rows);
    tile.each(here, [&](int i, int p, const float* a, const float* b) {
      const int row = Mma::lane_row(i);
      const std::ptrdiff_t r = first_row + row / Tile::kWide;
      const int c = first_column + row % Tile::kWide;
      if (r >= span.end || c >= layer.columns) return;
      const int panel = pass * Mma::kPassPanels + Mma::first_panel() + p;
      const int channel = panel * kPanelOutputs + Mma::lane() % 4 * 2;
      const std::ptrdiff_t at = (r * layer.columns + c) * layer.channels + channel;
      FLUVOX_UNROLLED
      for (int half = 0; half < 2; ++half) {
        const float* sums = half == 0 ? a : b;
        const float* bias = weights.bias + channel + 8 * half;
        float2 h = make_float2(sums[0] + bias[0], sums[1] + bias[1]);
        if (layer.h != nullptr) {
          const float2 before = *reinterpret_cast<const float2*>(layer.h + at + 8 * half);
          h = make_float2(before.x + h.x, before.y + h.y);
        }
        const float first = h.x < 0 ? 0 : h.x, second = h.y < 0 ? 0 : h.y;  // NaN stays NaN
        if constexpr (kLast) {
          const float* w = weights.last_w + 2 * (channel + 8 * half);
          float* sum = out[i];
          sum[0] = fused(second, w[2], fused(first, w[0], sum[0]));
          sum[1] = fused(second, w[3], fused(first, w[1], sum[1]));
        } else {
          *reinterpret_cast<float2*>(layer.h_next + at + 8 * half) = h;
          store_two<T>(layer.x_next + at + 8 * half, first, second);
        }
      }
    });
  }
  if constexpr (kLast) {
    // The four lanes of a row add their parts; the first of them takes the result.
    FLUVOX_UNROLLED
    for (int i = 0; i < Mma::kLaneRows; ++i) {
      FLUVOX_UNROLLED
      for (int o = 0; o < 2; ++o) {
        float sum = out[i][o];
        sum += __shfl_xor_sync(0xffffffffu, sum, 1);
        sum += __shfl_xor_sync(0xffffffffu, sum, 2);
        out[i][o] = sum + weights.last_bias[o];
      }
      const int row = Mma::lane_row(i);
      const std::ptrdiff_t r = first_row + row / Tile::kWide;
      const int c = first_column + row % Tile::kWide;
      if (Mma::lane() % 4 == 0 && r < span.end && c < layer.columns)
        transform(affine, out[i][0], out[i][1], r, c, r * layer.columns + c);
    }
  }
}

template <class T, class Tile>
Status launch_tile(const Conv2dLayer<T>& layer, const Conv2dWeights<T>& weights,
                   const Conv2dAffine* affine, const Span* spans, int span_count,
                   std::ptrdiff_t rows, Stream stream) {
  const std::ptrdiff_t blocks =
      most_tiles(rows, span_count, Tile::kTall) * blocks_for(layer.columns, Tile::kWide);
  const Patch<T, Tile> patch(layer);
  // Where another convolution follows, the affine is not looked at.
  const Conv2dAffine none = {{nullptr, 0}, {nullptr, 0}, 0, false};
  return launch({affine != nullptr ? "conv2d_last" : "conv2d", blocks, Tile::Mma::kThreads,
                 Tile::Mma::kSharedBytes + patch.bytes()},
                stream,
                {{"rows", rows},
                 {"columns", layer.columns},
                 {"inputs", layer.inputs},
                 {"channels", layer.channels},
                 {"dilation", layer.dilation},
                 {"bits", 8 * sizeof(T)}},
                affine != nullptr ? conv2d_kernel<T, Tile, true> : conv2d_kernel<T, Tile, false>,
                layer, weights, affine != nullptr ? *affine : none, spans, span_count);
}

constexpr std::size_t kMostShared = 163 * 1024;  // sm_80's, for a block
constexpr std::ptrdiff_t kEnoughPlaces =
    2 * 108 * 512;  // two large tiles for each of its processors

}  // namespace

template <class T>
Status conv2d_cuda(const Conv2dLayer<T>& layer, const Conv2dWeights<T>& weights,
                   const Conv2dAffine* affine, const Span* spans, int span_count,
                   std::ptrdiff_t rows, Stream stream, Conv2dTile tile) {
  if (tile == Conv2dTile::by_size)
    tile = rows * layer.columns >= kEnoughPlaces &&
                   Large<T>::Mma::kSharedBytes + Patch<T, Large<T>>(layer).bytes() <= kMostShared
               ? Conv2dTile::large
               : Conv2dTile::small;
  if (tile == Conv2dTile::large)
    return launch_tile<T, Large<T>>(layer, weights, affine, spans, span_count, rows, stream);
  return launch_tile<T, Small<T>>(layer, weights, affine, spans, span_count, rows, stream);
}

#define FLUVOX_CONV2D(T)                                                                        \
  template Status conv2d_cuda<T>(const Conv2dLayer<T>&, const Conv2dWeights<T>&,                \
                                 const Conv2dAffine*, const Span*, int, std::ptrdiff_t, Stream, \
                                 Conv2dTile);
FLUVOX_CONV2D(Bf16)
FLUVOX_CONV2D(Half)
FLUVOX_CONV2D(float)
#undef FLUVOX_CONV2D

}  // namespace fluvox::kernels
