#include "kernels/device_gate.h"
#include "kernels/mma_tile.h"
#include "kernels/wn_layer_backward.h"

namespace fluvox::kernels {

namespace {

template <class T>
using Tile = MmaTile<T, 2, 2, 2, 4>;  // 64 rows, 128 columns

// For each pass over the columns the chunks of dr, then those of x. dg has as many columns as a, a
// channel's twice, so that a lane has dg where it has u and v.
template <class T>
struct BackChunks {
  const T* in;
  const T* back;
  SegmentWalk<T, Tile<T>> dr, x;
  int panels, dr_chunks, x_chunks;

  __device__ void operator()(unsigned char* stage, int chunk) {
    const int pass = chunk / (dr_chunks + x_chunks);
    chunk %= dr_chunks + x_chunks;
    if (chunk < dr_chunks) {
      fill_pass<T, Tile<T>>(stage, back, chunk, pass, panels);
      dr.fill(stage);
    } else {
      fill_pass<T, Tile<T>>(stage, in, chunk - dr_chunks, pass, panels);
      x.fill(stage);
    }
  }
};

template <class T>
__global__ void __launch_bounds__(Tile<T>::kThreads)
    wn_layer_backward_kernel(WnLayer<T> layer, WnPacked<T> weights, const T* back,
                             WnBackward<T> backward, MmaSegments<T> dr, const Span* spans,
                             int span_count) {
  Span span;
  std::ptrdiff_t first;
  if (!find_tile(spans, span_count, Tile<T>::kRows, blockIdx.x, &span, &first)) return;
  unsigned char* stages = shared_memory<unsigned char>();
  const int panels = panels_of(2 * padded_channels<T>(layer.channels));
  const int passes = passes_of<Tile<T>>(panels);
  BackChunks<T> chunks{
      weights.in, back,        {dr, span, first},      {layer.segments, span, first},
      panels,     dr.chunks(), layer.segments.chunks()};
  const int in_pass = chunks.dr_chunks + chunks.x_chunks, end = passes * in_pass;
  Tile<T> tile;
  Tile<T>::begin(stages, end, chunks);
  for (int pass = 0; pass < passes; ++pass) {
    const int here = panels_in<Tile<T>>(pass, panels), from = pass * in_pass;
    tile.clear();
    tile.run(stages, from, from + chunks.dr_chunks, end, here, chunks, StagedRows());
    float dg[Tile<T>::kLaneRows][Tile<T>::kWarpPanels][2];  // of a lane's two channels in a panel
    tile.each(here, [&](int i, int p, const float* a, const float* b) {
      dg[i][p][0] = a[0];
      dg[i][p][1] = b[0];
    });
    tile.clear();
    tile.run(stages, from + chunks.dr_chunks, from + in_pass, end, here, chunks, StagedRows());
    tile.each(here, [&](int i, int p, const float* a, const float* b) {
      const std::ptrdiff_t t = first + Tile<T>::lane_row(i);
      const int panel = pass * Tile<T>::kPassPanels + Tile<T>::first_panel() + p;
      const int lane_column = Tile<T>::lane() % 4 * 2, channel = panel * 8 + lane_column;
      if (t >= span.end || channel >= layer.channels) return;
      const float* bias = weights.in_bias + panel * kPanelOutputs + lane_column;
      float du[2], dv[2], g[2];
      FLUVOX_UNROLLED
      for (int j = 0; j < 2; ++j) {
        const float* uv = j == 0 ? a : b;
        const float tanh = tanh_of<T>(uv[0] + bias[8 * j]);
        const float sigmoid = sigmoid_of<T>(uv[1] + bias[8 * j + 1]);
        g[j] = tanh * sigmoid;
        du[j] = dg[i][p][j] * sigmoid * (1 - tanh * tanh);
        dv[j] = dg[i][p][j] * g[j] * (1 - sigmoid);
      }
      T* da = backward.da + t * backward.da_stride + channel;
      store_two<T>(da, du[0], du[1]);
      store_two<T>(da + layer.channels, dv[0], dv[1]);
      store_two<T>(backward.g + t * backward.g_stride + channel, g[0], g[1]);
    });
  }
}

}  // namespace

template <class T>
Status wn_layer_backward_cuda(const WnLayer<T>& layer, const WnPacked<T>& weights, const T* back,
                              const WnBackward<T>& backward, const Span* spans, int span_count,
                              std::ptrdiff_t rows, Stream stream) {
  constexpr int kNumbers = kCopyBytes / static_cast<int>(sizeof(T));
  MmaSegments<T> dr;
  dr.add(backward.dr, backward.dr_stride,
         (layer.residual + layer.outputs + kNumbers - 1) / kNumbers * kNumbers);
  return launch({"wn_layer_backward", most_tiles(rows, span_count, Tile<T>::kRows),
                 Tile<T>::kThreads, Tile<T>::kSharedBytes},
                stream,
                {{"rows", rows},
                 {"channels", layer.channels},
                 {"outputs", layer.outputs},
                 {"bits", 8 * sizeof(T)}},
                wn_layer_backward_kernel<T>, layer, weights, back, backward, dr, spans, span_count);
}

#define FLUVOX_WN_LAYER(T)                                                                   \
  template Status wn_layer_backward_cuda<T>(const WnLayer<T>&, const WnPacked<T>&, const T*, \
                                            const WnBackward<T>&, const Span*, int,          \
                                            std::ptrdiff_t, Stream);
FLUVOX_WN_LAYER(Bf16)
FLUVOX_WN_LAYER(Half)
FLUVOX_WN_LAYER(float)
#undef FLUVOX_WN_LAYER

}  // namespace fluvox::kernels
