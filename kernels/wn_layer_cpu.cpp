#include <cmath>

#include "kernels/wn_layer_backward.h"

namespace fluvox::kernels {

namespace {

template <class T>
std::size_t in_size(const WnLayer<T>& layer) {
  std::size_t size = 0;
  for (int s = 0; s < layer.segments.count; ++s)
    size += mma_packed_size<T>(layer.segments.at[s].inputs, 2 * padded_channels<T>(layer.channels));
  return size;
}

// A row's sum over channels of g, whose weight to output o is w[c * outputs + o].
double from_gates(const double* g, int channels, const float* w, int outputs, int o) {
  double sum = 0;
  for (int c = 0; c < channels; ++c) sum += g[c] * w[static_cast<std::ptrdiff_t>(c) * outputs + o];
  return sum;
}

template <class T>
double argument(const WnLayer<T>& layer, const WnWeights& weights, const Span& span,
                std::ptrdiff_t t, int o) {
  const int columns = 2 * layer.channels;
  double sum = weights.in_bias[o];
  const float* w = weights.in + o;
  for (int s = 0; s < layer.segments.count; ++s) {
    const MmaSegment<T>& segment = layer.segments.at[s];
    const std::ptrdiff_t row = t + segment.offset;
    if (row >= span.from && row < span.to)
      for (int i = 0; i < segment.inputs; ++i)
        sum += double{to_float(segment.x[row * segment.stride + i])} *
               w[static_cast<std::ptrdiff_t>(i) * columns];
    w += static_cast<std::ptrdiff_t>(segment.inputs) * columns;
  }
  return sum;
}

}  // namespace

template <class T>
std::size_t wn_packed_bytes(const WnLayer<T>& layer) {
  const int columns = layer.residual + layer.outputs;
  return (in_size(layer) + mma_packed_size<T>(layer.channels, columns)) * sizeof(T) +
         static_cast<std::size_t>(2 * padded_channels<T>(layer.channels) + columns) * sizeof(float);
}

template <class T>
WnPacked<T> wn_packed_at(const WnLayer<T>& layer, const void* packed) {
  const T* in = static_cast<const T*>(packed);
  const T* after = in + in_size(layer);
  const auto* in_bias = reinterpret_cast<const float*>(
      after + mma_packed_size<T>(layer.channels, layer.residual + layer.outputs));
  return {in, after, in_bias, in_bias + 2 * padded_channels<T>(layer.channels)};
}

template <class T>
void pack_wn(const WnLayer<T>& layer, const WnWeights& weights, void* packed) {
  const WnPacked<T> to = wn_packed_at(layer, packed);
  const int channels = layer.channels, padded = padded_channels<T>(layer.channels);
  const int columns = layer.residual + layer.outputs;
  T* in = const_cast<T*>(to.in);
  const float* w = weights.in;
  for (int s = 0; s < layer.segments.count; ++s) {
    const int inputs = layer.segments.at[s].inputs;
    const auto at = [&](int i, int n) {
      const int c = channel_of_column(n);
      return c < channels ? w[static_cast<std::ptrdiff_t>(i) * 2 * channels + n % 2 * channels + c]
                          : 0.0f;
    };
    pack_mma<T>(inputs, 2 * padded, at, in);
    in += mma_packed_size<T>(inputs, 2 * padded);
    w += static_cast<std::ptrdiff_t>(inputs) * 2 * channels;
  }
  pack_mma<T>(
      channels, columns,
      [&](int c, int o) { return weights.after[static_cast<std::ptrdiff_t>(c) * columns + o]; },
      const_cast<T*>(to.after));
  float* in_bias = const_cast<float*>(to.in_bias);
  for (int n = 0; n < 2 * padded; ++n) {
    const int c = channel_of_column(n);
    in_bias[n] = c < channels ? weights.in_bias[n % 2 * channels + c] : 0.0f;
  }
  float* after_bias = const_cast<float*>(to.after_bias);
  for (int o = 0; o < columns; ++o) after_bias[o] = weights.after_bias[o];
}

template <class T>
void wn_layer_cpu(const WnLayer<T>& layer, const WnWeights& weights, const Span* spans,
                  int span_count) {
  constexpr int kMost = 1024;  // channels
  double g[kMost];
  const int channels = layer.channels, columns = layer.residual + layer.outputs;
  for (const Span* span = spans; span < spans + span_count; ++span)
    for (std::ptrdiff_t t = span->begin; t < span->end; ++t) {
      for (int c = 0; c < channels; ++c)
        g[c] = std::tanh(argument(layer, weights, *span, t, c)) /
               (1 + std::exp(-argument(layer, weights, *span, t, channels + c)));
      for (int o = 0; o < columns; ++o) {
        const double r = weights.after_bias[o] + from_gates(g, channels, weights.after, columns, o);
        if (o < layer.residual) {
          const double next = (layer.h[t * layer.h_stride + o] + r) * layer.scale;
          layer.h_next[t * layer.h_next_stride + o] = static_cast<float>(next);
          layer.x_next[t * layer.x_next_stride + o] = stored<T>(static_cast<float>(next));
        } else {
          float& sum = layer.out[t * layer.out_stride + o - layer.residual];
          sum = static_cast<float>(sum + r);
        }
      }
    }
}

template <class T>
std::size_t wn_packed_back_size(const WnLayer<T>& layer) {
  return mma_packed_size<T>(layer.residual + layer.outputs, 2 * padded_channels<T>(layer.channels));
}

template <class T>
void pack_wn_back(const WnLayer<T>& layer, const float* after, T* packed) {
  const int columns = layer.residual + layer.outputs;
  const auto at = [&](int o, int n) {
    const int c = channel_of_column(n);
    return c < layer.channels ? after[static_cast<std::ptrdiff_t>(c) * columns + o] : 0.0f;
  };
  pack_mma<T>(columns, 2 * padded_channels<T>(layer.channels), at, packed);
}

template <class T>
void wn_layer_backward_cpu(const WnLayer<T>& layer, const WnWeights& weights,
                           const WnBackward<T>& backward, const Span* spans, int span_count) {
  const int channels = layer.channels, columns = layer.residual + layer.outputs;
  const auto put = [](T* to, double v) { *to = stored<T>(static_cast<float>(v)); };
  for (const Span* span = spans; span < spans + span_count; ++span)
    for (std::ptrdiff_t t = span->begin; t < span->end; ++t)
      for (int c = 0; c < channels; ++c) {
        double dg = 0;
        for (int o = 0; o < columns; ++o)
          dg += double{to_float(backward.dr[t * backward.dr_stride + o])} *
                weights.after[static_cast<std::ptrdiff_t>(c) * columns + o];
        const double tanh = std::tanh(argument(layer, weights, *span, t, c));
        const double sigmoid =
            1 / (1 + std::exp(-argument(layer, weights, *span, t, channels + c)));
        T* da = backward.da + t * backward.da_stride + c;
        put(da, dg * (1 - tanh * tanh) * sigmoid);
        put(da + channels, dg * tanh * sigmoid * (1 - sigmoid));
        put(backward.g + t * backward.g_stride + c, tanh * sigmoid);
      }
}

#define FLUVOX_WN_LAYER(T)                                                              \
  template std::size_t wn_packed_bytes<T>(const WnLayer<T>&);                           \
  template WnPacked<T> wn_packed_at<T>(const WnLayer<T>&, const void*);                 \
  template void pack_wn<T>(const WnLayer<T>&, const WnWeights&, void*);                 \
  template void wn_layer_cpu<T>(const WnLayer<T>&, const WnWeights&, const Span*, int); \
  template std::size_t wn_packed_back_size<T>(const WnLayer<T>&);                       \
  template void pack_wn_back<T>(const WnLayer<T>&, const float*, T*);                   \
  template void wn_layer_backward_cpu<T>(const WnLayer<T>&, const WnWeights&,           \
                                         const WnBackward<T>&, const Span*, int);
FLUVOX_WN_LAYER(Bf16)
FLUVOX_WN_LAYER(Half)
FLUVOX_WN_LAYER(float)
#undef FLUVOX_WN_LAYER

}  // namespace fluvox::kernels
