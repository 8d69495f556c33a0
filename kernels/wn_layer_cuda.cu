#include "kernels/device_gate.h"
#include "kernels/mma_tile.h"
#include "kernels/wn_layer.h"

namespace fluvox::kernels {

namespace {

template <class T>
__host__ __device__ int gated_stride(int channels) {  // bytes; as kRowBytes, out of step with banks
  return padded_channels<T>(channels) * static_cast<int>(sizeof(T)) + kCopyBytes;
}

// The two products of a tile as one sequence of chunks: for each pass (so many columns as the tile
// has) over the columns of `in` all its chunks, then the same for `after`.
template <class T, class Tile>
struct WnChunks {
  const WnPacked<T>& weights;
  SegmentWalk<T, Tile> x;
  int in_panels, in_chunks, after_panels, after_chunks;

  __device__ WnChunks(const WnLayer<T>& layer, const WnPacked<T>& weights_, const Span& span,
                      std::ptrdiff_t first)
      : weights(weights_), x{layer.segments, span, first} {
    in_panels = panels_of(2 * padded_channels<T>(layer.channels));
    in_chunks = layer.segments.chunks();
    after_panels = panels_of(layer.residual + layer.outputs);
    after_chunks = chunks_of<T>(layer.channels);
  }

  __device__ int in_end() const { return passes_of<Tile>(in_panels) * in_chunks; }
  __device__ int end() const { return in_end() + passes_of<Tile>(after_panels) * after_chunks; }

  __device__ void operator()(unsigned char* stage, int chunk) {
    if (chunk >= in_end()) {
      chunk -= in_end();
      return fill_pass<T, Tile>(stage, weights.after, chunk % after_chunks, chunk / after_chunks,
                                after_panels);
    }
    fill_pass<T, Tile>(stage, weights.in, chunk % in_chunks, chunk / in_chunks, in_panels);
    x.fill(stage);
  }
};

template <class T, class Tile>
__global__ void __launch_bounds__(Tile::kThreads)
    wn_layer_kernel(WnLayer<T> layer, WnPacked<T> weights, const Span* spans, int span_count) {
  Span span;
  std::ptrdiff_t first;
  if (!find_tile(spans, span_count, Tile::kRows, blockIdx.x, &span, &first)) return;
  using Chunks = WnChunks<T, Tile>;
  Chunks chunks(layer, weights, span, first);
  unsigned char* stages = shared_memory<unsigned char>();
  unsigned char* gates = stages + Tile::kSharedBytes;  // [row][channel], rows `stride` bytes apart
  const int stride = gated_stride<T>(layer.channels);
  const int lane_column = Tile::lane() % 4 * 2;
  const int end = chunks.end();
  Tile tile;
  Tile::begin(stages, end, chunks);

  for (int pass = 0; pass < passes_of<Tile>(chunks.in_panels); ++pass) {
    const int panels = panels_in<Tile>(pass, chunks.in_panels);
    tile.clear();
    tile.run(stages, pass * chunks.in_chunks, (pass + 1) * chunks.in_chunks, end, panels, chunks,
             StagedRows());
    tile.each(panels, [&](int i, int p, const float* a, const float* b) {
      const int panel = pass * Tile::kPassPanels + Tile::first_panel() + p;
      const float* bias = weights.in_bias + panel * kPanelOutputs + lane_column;
      T* to = reinterpret_cast<T*>(gates + Tile::lane_row(i) * stride) + panel * 8 + lane_column;
      store_two<T>(to, gate_of<T>(a[0] + bias[0], a[1] + bias[1]),
                   gate_of<T>(b[0] + bias[8], b[1] + bias[9]));
    });
  }

  for (int pass = 0; pass < passes_of<Tile>(chunks.after_panels); ++pass) {
    const int panels = panels_in<Tile>(pass, chunks.after_panels);
    const int from = chunks.in_end() + pass * chunks.after_chunks;
    tile.clear();
    tile.run(stages, from, from + chunks.after_chunks, end, panels, chunks,
             [&](const unsigned char*, int chunk) {
               const unsigned char* x = gates + (chunk - from) * kChunkBytes;
               return [=](int row) { return x + row * stride; };
             });
    const auto leave = [&](std::ptrdiff_t row, int column, const float* r) {
      const float* bias = weights.after_bias + column;
      if (column < layer.residual) {
        const float2 h = *reinterpret_cast<const float2*>(layer.h + row * layer.h_stride + column);
        const float2 next = make_float2((h.x + (r[0] + bias[0])) * layer.scale,
                                        (h.y + (r[1] + bias[1])) * layer.scale);
        *reinterpret_cast<float2*>(layer.h_next + row * layer.h_next_stride + column) = next;
        store_two<T>(layer.x_next + row * layer.x_next_stride + column, next.x, next.y);
        return;
      }
      column -= layer.residual;
      float* out = layer.out + row * layer.out_stride + column;
      if (column < layer.outputs) out[0] += r[0] + bias[0];
      if (column + 1 < layer.outputs) out[1] += r[1] + bias[1];
    };
    tile.each(panels, [&](int i, int p, const float* a, const float* b) {
      const int panel = pass * Tile::kPassPanels + Tile::first_panel() + p;
      const std::ptrdiff_t t = first + Tile::lane_row(i);
      if (t >= span.end) return;
      const int column = panel * kPanelOutputs + lane_column;
      leave(t, column, a);
      leave(t, column + 8, b);
    });
  }
}

template <class T, class Tile>
std::size_t shared_bytes(int channels) {
  return Tile::kSharedBytes + static_cast<std::size_t>(Tile::kRows * gated_stride<T>(channels));
}

template <class T, class Tile>
Status launch_tile(const WnLayer<T>& layer, const WnPacked<T>& weights, const Span* spans,
                   int span_count, std::ptrdiff_t rows, Stream stream) {
  const std::ptrdiff_t tiles = most_tiles(rows, span_count, Tile::kRows);
  return launch({"wn_layer", tiles, Tile::kThreads, shared_bytes<T, Tile>(layer.channels)}, stream,
                {{"rows", rows},
                 {"channels", layer.channels},
                 {"outputs", layer.outputs},
                 {"bits", 8 * sizeof(T)}},
                wn_layer_kernel<T, Tile>, layer, weights, spans, span_count);
}

template <class T>
using Narrow = MmaTile<T, 2, 2, 2, 4>;  // 64 rows, 128 columns
template <class T>
using Wide = MmaTile<T, 2, 4, sizeof(T) == 4 ? 2 : 4, 4>;  // 128 rows (64 of floats), 256 columns

constexpr std::size_t kMostShared = 163 * 1024;   // sm_80's, for a block
constexpr std::ptrdiff_t kEnoughWideTiles = 108;  // its multiprocessors

}  // namespace

template <class T>
Status wn_layer_cuda(const WnLayer<T>& layer, const WnPacked<T>& weights, const Span* spans,
                     int span_count, std::ptrdiff_t rows, Stream stream, WnTile tile) {
  if (tile == WnTile::by_size)
    tile = layer.channels > 64 && rows >= kEnoughWideTiles * Wide<T>::kRows &&
                   shared_bytes<T, Wide<T>>(layer.channels) <= kMostShared
               ? WnTile::wide
               : WnTile::narrow;
  if (tile == WnTile::wide)
    return launch_tile<T, Wide<T>>(layer, weights, spans, span_count, rows, stream);
  return launch_tile<T, Narrow<T>>(layer, weights, spans, span_count, rows, stream);
}

#define FLUVOX_WN_LAYER(T)                                                                  \
  template Status wn_layer_cuda<T>(const WnLayer<T>&, const WnPacked<T>&, const Span*, int, \
                                   std::ptrdiff_t, Stream, WnTile);
FLUVOX_WN_LAYER(Bf16)
FLUVOX_WN_LAYER(Half)
FLUVOX_WN_LAYER(float)
#undef FLUVOX_WN_LAYER

}  // namespace fluvox::kernels
