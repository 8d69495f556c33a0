#include <cmath>

#include "kernels/conv2d.h"
#include "kernels/mma_weights.h"

namespace fluvox::kernels {

namespace {

template <class T>
double convolved(const Conv2dLayer<T>& layer, const Conv2dWeights<float>& weights, const Span& span,
                 std::ptrdiff_t r, int c, int o) {
  double sum = weights.bias[o];
  for (int i = 0; i < layer.kernel; ++i)
    for (int j = 0; j < layer.kernel; ++j) {
      const std::ptrdiff_t row = r - (layer.kernel - 1) + i;
      const int column = c + (j - (layer.kernel - 1) / 2) * layer.dilation;
      if (row < span.from || row >= span.to || column < 0 || column >= layer.columns) continue;
      const T* x = layer.x + (row * layer.columns + column) * layer.x_stride;
      const float* w =
          weights.w + std::ptrdiff_t{i * layer.kernel + j} * layer.inputs * layer.channels + o;
      for (int k = 0; k < layer.inputs; ++k)
        sum += double{to_float(x[k])} * w[static_cast<std::ptrdiff_t>(k) * layer.channels];
    }
  return sum;
}

void transform(const Conv2dAffine& affine, const double (&out)[2], std::ptrdiff_t r, int c,
               std::ptrdiff_t place) {
  const double s = affine.limit > 0 ? affine.limit * std::tanh(out[1] / affine.limit) : out[1];
  const double from = affine.from.at(r, c);
  affine.to.at(r, c) = static_cast<float>(affine.inverse ? (from - out[0]) * std::exp(-s)
                                                         : std::exp(s) * from + out[0]);
  if (!affine.inverse && affine.log_scale != nullptr) affine.log_scale[place] = s;
}

}  // namespace

template <class T>
std::size_t conv2d_packed_size(const Conv2dLayer<T>& layer) {
  return static_cast<std::size_t>(layer.kernel * layer.kernel) *
         mma_packed_size<T>(layer.inputs, layer.channels);
}

template <class T>
void pack_conv2d(const Conv2dLayer<T>& layer, const float* w, T* packed) {
  for (int tap = 0; tap < layer.kernel * layer.kernel; ++tap) {
    pack_mma<T>(
        layer.inputs, layer.channels,
        [&](int k, int o) { return w[static_cast<std::ptrdiff_t>(k) * layer.channels + o]; },
        packed);
    packed += mma_packed_size<T>(layer.inputs, layer.channels);
    w += std::ptrdiff_t{layer.inputs} * layer.channels;
  }
}

template <class T>
void conv2d_cpu(const Conv2dLayer<T>& layer, const Conv2dWeights<float>& weights,
                const Conv2dAffine* affine, const Span* spans, int span_count) {
  for (const Span* span = spans; span < spans + span_count; ++span)
    for (std::ptrdiff_t r = span->begin; r < span->end; ++r)
      for (int c = 0; c < layer.columns; ++c) {
        const std::ptrdiff_t place = r * layer.columns + c;
        double out[2] = {0, 0};
        if (affine != nullptr) out[0] = weights.last_bias[0], out[1] = weights.last_bias[1];
        for (int o = 0; o < layer.channels; ++o) {
          const std::ptrdiff_t at = place * layer.channels + o;
          const double h = convolved(layer, weights, *span, r, c, o) +
                           (layer.h != nullptr ? double{layer.h[at]} : 0.0);
          const double positive = h < 0 ? 0 : h;
          if (affine != nullptr) {
            for (int i = 0; i < 2; ++i) out[i] += positive * weights.last_w[2 * o + i];
          } else {
            layer.h_next[at] = static_cast<float>(h);
            layer.x_next[at] = stored<T>(static_cast<float>(positive));
          }
        }
        if (affine != nullptr) transform(*affine, out, r, c, place);
      }
}

#define FLUVOX_CONV2D(T)                                                          \
  template std::size_t conv2d_packed_size<T>(const Conv2dLayer<T>&);              \
  template void pack_conv2d<T>(const Conv2dLayer<T>&, const float*, T*);          \
  template void conv2d_cpu<T>(const Conv2dLayer<T>&, const Conv2dWeights<float>&, \
                              const Conv2dAffine*, const Span*, int);
FLUVOX_CONV2D(Bf16)
FLUVOX_CONV2D(Half)
FLUVOX_CONV2D(float)
#undef FLUVOX_CONV2D

}  // namespace fluvox::kernels
