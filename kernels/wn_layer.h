// One layer of WN on a GPU, in one launch: dilated convolution and condition, gate, and the product
// that changes the residual stream and what the layer sends to the end.
//
//   a[t][.]  = in_bias + sum over segments s, then over inputs i, of
//              x_s[t + offset_s][i] in_s[i][.]                       [2 channels], tanh's first
//   g[t][c]  = tanh(a[t][c]) sigmoid(a[t][channels + c])
//   r[t][.]  = after_bias + sum over c of g[t][c] after[c][.]        [residual + outputs]
//   h_next[t][c] = (h[t][c] + r[t][c]) scale,  x_next[t][c] = h_next[t][c] rounded    c < residual
//   out[t][e]   += r[t][residual + e]                                                 e < outputs
//
// A segment is a tap of the convolution (offset: so many dilations) or the condition (offset 0);
// nothing is copied for it. So this is a layer of WaveGlow (net/wn.h: three taps), of FloWaveNet
// (net/causal_wn.h: scale sqrt(1/2), the skips as outputs) and, a row at a time with nine taps out
// of three rows, of WaveFlow (net/wn2d.h).
//
// Spans (span.h) of rows; h, h_next, x_next, out and every x_s have the same rows.
//
// T: Bf16, Half or float, of x, the weights and g; sums, h and out are float32. For float every sum
// is one fused multiply-add a term in the order above; on tensor cores a chunk of 16 inputs at a
// time. Either way the bits of a row depend on nothing but that row: not on tile, span or grid.
// Against float64: within 1e-4 of 1 + |value| in float32, 1e-2 in bf16, 2e-3 in half.
//
// channels, residual (channels, or 0 in the last layer): multiples of 16. x_s: see mma_segments.h.
// h, h_next, x_next: rows of an even stride, aligned to 8 bytes.
// Aliasing: h_next may be h; nothing else may overlap (x_next is not x: neighbours still read it).
#pragma once

#include <cstddef>

#include "kernels/mma_segments.h"
#include "kernels/status.h"

namespace fluvox::kernels {

template <class T>
struct WnLayer {
  int channels, residual, outputs;
  MmaSegments<T> segments;
  float scale = 1;
  const float* h;  // unused without a residual, as are the next two
  std::ptrdiff_t h_stride;
  float* h_next;
  std::ptrdiff_t h_next_stride;
  T* x_next;
  std::ptrdiff_t x_next_stride;
  float* out;
  std::ptrdiff_t out_stride;
};

// The layer's matrices as the formula has them, on the host.
struct WnWeights {
  const float* in;          // [inputs of all segments, in their order][2 channels]
  const float* in_bias;     // [2 channels]
  const float* after;       // [channels][residual + outputs]
  const float* after_bias;  // [residual + outputs]
};

// The same, packed: one block of memory, to be copied to the device as it is.
template <class T>
struct WnPacked {
  const T* in;
  const T* after;
  const float* in_bias;
  const float* after_bias;
};
template <class T>
std::size_t wn_packed_bytes(const WnLayer<T>& layer);
template <class T>
void pack_wn(const WnLayer<T>& layer, const WnWeights& weights, void* packed);
// Where the parts stand in a block that begins at `packed`, aligned to 16 bytes.
template <class T>
WnPacked<T> wn_packed_at(const WnLayer<T>& layer, const void* packed);

// The gate's two arguments for a channel are neighbours in the packed matrix, and so are the two
// channels of a lane: column n holds tanh's (n even) or sigmoid's part of this channel. Channels
// are filled up to whole chunks, so that the gate's output is.
FLUVOX_HOST_DEVICE constexpr int channel_of_column(int n) {
  return n / 16 * 8 + n % 8 / 2 * 2 + n % 16 / 8;
}
template <class T>
FLUVOX_HOST_DEVICE constexpr int padded_channels(int channels) {
  return chunks_of<T>(channels) * kChunk<T>;
}

// Leaves out the first `count` segments, whose rows are all zeros.
template <class T>
void drop_segments(int count, WnLayer<T>& layer, WnPacked<T>& weights) {
  const MmaSegments<T> all = layer.segments;
  layer.segments.count = 0;
  for (int s = 0; s < all.count; ++s)
    if (s < count)
      weights.in += mma_packed_size<T>(all.at[s].inputs, 2 * padded_channels<T>(layer.channels));
    else
      layer.segments.at[layer.segments.count++] = all.at[s];
}

// In double, from the unrounded weights.
template <class T>
void wn_layer_cpu(const WnLayer<T>& layer, const WnWeights& weights, const Span* spans,
                  int span_count);

enum class WnTile { by_size, narrow, wide };  // for tests and measurements: the bits are the same

// `spans` is on the device: they may change between two runs of a captured graph, as long as there
// are no more than span_count of them (end = begin: none) and no more than `rows` rows in all.
template <class T>
Status wn_layer_cuda(const WnLayer<T>& layer, const WnPacked<T>& weights, const Span* spans,
                     int span_count, std::ptrdiff_t rows, Stream stream,
                     WnTile tile = WnTile::by_size);

}  // namespace fluvox::kernels
