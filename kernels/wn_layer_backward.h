// The gradients of wn_layer.h's layer. Its gate is computed again, so that nothing but the layer's
// input need be kept.
//
// Given dr[t][.], the gradient of the loss by r: scale times that by h_next, then that by out
// (which is the same for all layers),
//   dg = dr after^T
//   da = [dg (1 - tanh^2(u)) sigmoid(v) | dg tanh(u) sigmoid(v) (1 - sigmoid(v))]   of a = [u | v]
// and g itself; wn_layer_backward leaves da and g. What else there is to know are products:
//   by h:            scale dh_next[t] + sum over taps of da[t - offset] in_s^T      mma_product.h
//   by the features: da in_cond^T, added up over the layers                         mma_product.h
//   by in_s and in_bias:       x_s[t + offset] (outer) da[t]                        mma_outer.h
//   by after and after_bias:   g (outer) dr                                         mma_outer.h
//
// Shapes: dr [rows][residual + outputs], filled up with zeros to a multiple of 16 bytes; da
// [rows][2 channels], tanh's first; g [rows][channels]; each with its stride, a multiple of 16
// bytes. Spans, T and precision as in wn_layer.h; of the layer h, h_next, x_next and out are not
// looked at. Every row's bits are its own.
#pragma once

#include "kernels/wn_layer.h"

namespace fluvox::kernels {

template <class T>
struct WnBackward {
  const T* dr;
  std::ptrdiff_t dr_stride;
  T* da;
  std::ptrdiff_t da_stride;
  T* g;
  std::ptrdiff_t g_stride;
};

// after^T as the kernel wants it, out of after [channels][residual + outputs].
template <class T>
std::size_t wn_packed_back_size(const WnLayer<T>& layer);  // numbers
template <class T>
void pack_wn_back(const WnLayer<T>& layer, const float* after, T* packed);

// In double, from the unrounded weights.
template <class T>
void wn_layer_backward_cpu(const WnLayer<T>& layer, const WnWeights& weights,
                           const WnBackward<T>& backward, const Span* spans, int span_count);

template <class T>
Status wn_layer_backward_cuda(const WnLayer<T>& layer, const WnPacked<T>& weights, const T* back,
                              const WnBackward<T>& backward, const Span* spans, int span_count,
                              std::ptrdiff_t rows, Stream stream);

}  // namespace fluvox::kernels
