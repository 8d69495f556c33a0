// The convolutions of net/conv2d.h on a GPU: over a time x bin grid, causal over its rows (time),
// 'same' over its columns (bins), zeros around; and at the end of the last one the affine coupling
// that the network is there for (flow/grid_coupling.h).
//
//   y[r][c][.]  = bias + sum over taps (i, j), then over inputs k, of
//                 x[r - (kernel - 1) + i][c + (j - (kernel - 1) / 2) dilation][k] w[i][j][k][.]
//   h'[r][c][.] = h[r][c][.] + y[r][c][.]                          h: nullptr for zeros
// either, where another convolution follows,
//   h_next = h',  x_next = relu(h') rounded
// or, in the last one, with (b, raw) = last_bias + relu(h') last_w and s = limit tanh(raw / limit),
// or raw where limit is 0:
//   forward:  to = exp(s) from + b,  log_scale = s                 inverse:  to = (from - b)
//   exp(-s)
//
// Shapes: x [rows][columns][inputs], places x_stride numbers apart; h, h_next and x_next
// [rows][columns][channels]; from, to and log_scale [rows][columns]. Spans (span.h) are spans of
// rows, the same ones in all of these.
// T: Bf16, Half or float, of x and w; everything else is float32. For T of 16 bits sums go through
// the tensor cores. The last 1x1 is float32, and its terms are dealt out to the lanes of a warp by
// channel alone. So the bits of a place depend on nothing but that place. Against float64: within
// 1e-4 of 1 + |value| in float32, 1e-2 in bf16, 2e-3 in half.
// channels: a multiple of 16. x and x_stride: multiples of 16 bytes; inputs a multiple of 16 bytes
// (fill up with zeros). h, h_next, x_next: aligned to 8 bytes. A tap's reach over columns is
// bounded by shared memory alone (32 channels in bf16: 147); one beyond it is refused as any launch
// is, and one beyond the row's width may as well be moved nearer. Aliasing: h_next may be h, and
// `to` may be `from`; nothing else may overlap.
#pragma once

#include <cstddef>

#include "kernels/storage.h"
#include "kernels/span.h"
#include "kernels/status.h"
#include "kernels/view.h"

namespace fluvox::kernels {

template <class T>
struct Conv2dLayer {
  int columns, inputs, channels, kernel, dilation;
  const T* x;
  std::ptrdiff_t x_stride;
  const float* h;
  float* h_next;
  T* x_next;
};

struct Conv2dAffine {
  ConstView from;
  View to;
  float limit;
  bool inverse;
  double* log_scale = nullptr;  // forward only; nullptr where nobody asks for it
};

// The convolution's weights as the formula has them, w [kernel][kernel][inputs][channels], packed:
// a block of conv2d_packed_size numbers.
template <class T>
std::size_t conv2d_packed_size(const Conv2dLayer<T>& layer);
template <class T>
void pack_conv2d(const Conv2dLayer<T>& layer, const float* w, T* packed);

// w and bias [channels]; with an affine end also last_w [channels][2] and last_bias [2]
template <class W>
struct Conv2dWeights {
  const W* w;
  const float* bias;
  const float* last_w = nullptr;
  const float* last_bias = nullptr;
};

// In double, from unrounded weights. affine: nullptr where another convolution follows.
template <class T>
void conv2d_cpu(const Conv2dLayer<T>& layer, const Conv2dWeights<float>& weights,
                const Conv2dAffine* affine, const Span* spans, int span_count);

enum class Conv2dTile { by_size, small, large };  // for tests and measurements: the same bits

// From packed weights. `spans` is on the device, with no more than `rows` rows to be made; see
// wn_layer.h.
template <class T>
Status conv2d_cuda(const Conv2dLayer<T>& layer, const Conv2dWeights<T>& weights,
                   const Conv2dAffine* affine, const Span* spans, int span_count,
                   std::ptrdiff_t rows, Stream stream, Conv2dTile tile = Conv2dTile::by_size);

}  // namespace fluvox::kernels
