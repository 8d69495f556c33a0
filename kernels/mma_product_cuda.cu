#include "kernels/mma_product.h"
#include "kernels/mma_tile.h"

namespace fluvox::kernels {

namespace {

template <class T>
using Tile = MmaTile<T, 2, 2, 2, 4>;  // 64 rows, 128 columns

template <class T>
__device__ void leave(const MmaProduct<T>& product, std::ptrdiff_t t, int column,
                      const float* sums) {
  if (column >= product.outputs) return;
  float2 y = make_float2(sums[0], sums[1]);
  if (product.bias != nullptr)
    y = make_float2(y.x + product.bias[column], y.y + product.bias[column + 1]);
  if (product.before != nullptr) {
    const float* before = product.before + t * product.before_stride + column;
    y = make_float2(fused(product.keep, before[0], y.x), fused(product.keep, before[1], y.y));
  }
  if (product.relu) y = make_float2(y.x < 0 ? 0 : y.x, y.y < 0 ? 0 : y.y);
  if (product.y != nullptr)
    *reinterpret_cast<float2*>(product.y + t * product.y_stride + column) = y;
  if (product.rounded != nullptr)
    store_two<T>(product.rounded + t * product.rounded_stride + column, y.x * product.rounded_scale,
                 y.y * product.rounded_scale);
}

// A block makes all columns of its rows, pass by pass.
template <class T>
__global__ void __launch_bounds__(Tile<T>::kThreads)
    mma_product_kernel(MmaProduct<T> product, const T* w, const Span* spans, int span_count) {
  Span span;
  std::ptrdiff_t first;
  if (!find_tile(spans, span_count, Tile<T>::kRows, blockIdx.x, &span, &first)) return;
  unsigned char* stages = shared_memory<unsigned char>();
  const int panels = panels_of(product.outputs), passes = passes_of<Tile<T>>(panels);
  const int chunks = product.segments.chunks(), end = passes * chunks;
  SegmentWalk<T, Tile<T>> x{product.segments, span, first};
  auto fill = [&](unsigned char* stage, int chunk) {
    fill_pass<T, Tile<T>>(stage, w, chunk % chunks, chunk / chunks, panels);
    x.fill(stage);
  };
  Tile<T> tile;
  Tile<T>::begin(stages, end, fill);
  for (int pass = 0; pass < passes; ++pass) {
    const int here = panels_in<Tile<T>>(pass, panels);
    tile.clear();
    tile.run(stages, pass * chunks, (pass + 1) * chunks, end, here, fill, StagedRows());
    tile.each(here, [&](int i, int p, const float* a, const float* b) {
      const std::ptrdiff_t t = first + Tile<T>::lane_row(i);
      if (t >= span.end) return;
      const int panel = pass * Tile<T>::kPassPanels + Tile<T>::first_panel() + p;
      const int column = panel * kPanelOutputs + Tile<T>::lane() % 4 * 2;
      leave(product, t, column, a);
      leave(product, t, column + 8, b);
    });
  }
}

}  // namespace

template <class T>
Status mma_product_cuda(const MmaProduct<T>& product, const T* w, const Span* spans, int span_count,
                        std::ptrdiff_t rows, Stream stream) {
  return launch({"mma_product", most_tiles(rows, span_count, Tile<T>::kRows), Tile<T>::kThreads,
                 Tile<T>::kSharedBytes},
                stream,
                {{"rows", rows},
                 {"chunks", product.segments.chunks()},
                 {"outputs", product.outputs},
                 {"bits", 8 * sizeof(T)}},
                mma_product_kernel<T>, product, w, spans, span_count);
}

#define FLUVOX_MMA_PRODUCT(T)                                                           \
  template Status mma_product_cuda<T>(const MmaProduct<T>&, const T*, const Span*, int, \
                                      std::ptrdiff_t, Stream);
FLUVOX_MMA_PRODUCT(Bf16)
FLUVOX_MMA_PRODUCT(Half)
FLUVOX_MMA_PRODUCT(float)
#undef FLUVOX_MMA_PRODUCT

}  // namespace fluvox::kernels
