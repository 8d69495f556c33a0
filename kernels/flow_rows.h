// What lies between the nets of a flow when it is sampled on a GPU: a row is a position, and
// nothing in it looks at another row. Rows are those that spans (span.h) name, `stride` numbers
// apart, float32 but where a T is said.
//
// The CPU twins are the runtime bodies of the steps (src/flow/*_runtime.cpp): tests/emulation
// holds whole models together. In each function `spans` is on the device, with no more than `rows`
// rows to be made; see wn_layer.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/coupling.h"
#include "kernels/span.h"
#include "kernels/status.h"
#include "kernels/temperature.h"

namespace fluvox::kernels {

// Rows [begin, end) of one series, row begin being its row `first`.
struct DrawnSpan {
  std::ptrdiff_t begin, end;
  std::uint64_t seed, item, first;
  Temperature temperature;
  const float* given;  // nullptr: drawn. Else taken from here, row begin first
};

// z[t][c] = T(k) normal(seed, item, k, n / folded) with k = first_channel + c folded + n % folded
// and n = first + t - begin: the numbers of noise.h bit for bit; or given[t - begin][c]. c in [0,
// channels); `folded`: rows to a position; T: the temperature, rounded to float32
Status drawn_rows_cuda(float* z, std::ptrdiff_t stride, int first_channel, int channels, int folded,
                       const DrawnSpan* spans, int span_count, std::ptrdiff_t rows, Stream stream);

// to[t] = [from[t][first], from[t][first + step], ..., count of them | 1 where `one` | zeros],
// `width` numbers in all, rounded to T; with relu nothing below 0.
template <class T>
struct GatheredRows {
  const float* from;
  std::ptrdiff_t from_stride;
  int first, step, count;
  bool one;
  T* to;
  std::ptrdiff_t to_stride;
  int width;
  bool relu = false;
};
template <class T>
Status gathered_rows_cuda(const GatheredRows<T>& gathered, const Span* spans, int span_count,
                          std::ptrdiff_t rows, Stream stream);

// to[t] = [from[t + first], from[t + first + 1], ..., count rows of them | zeros], `width` numbers
// in all, rounded to T; rows outside of the span's [from, to) are zeros. Of a row of `from` these
// are `columns` numbers, `step` apart; rows of `to` are `width` apart.
template <class T>
struct WindowedRows {
  const float* from;
  std::ptrdiff_t from_stride;
  int step, columns, count;
  std::ptrdiff_t first;
  T* to;
  int width;
};
template <class T>
Status windowed_rows_cuda(const WindowedRows<T>& windowed, const Span* spans, int span_count,
                          std::ptrdiff_t rows, Stream stream);

// A depthwise convolution behind a norm (net/separable.h), rounded to T:
//   n[t][c] = scale[c] h[t][c] + offset[c], zeros outside of the span's [from, to)
//   to[t][c] = bias[c] + sum over taps of w[tap][c] n[t + tap - taps / 2][c]
// c in [0, channels); rows of h and `to` are `stride` apart.
template <class T>
struct DepthwiseRows {
  int channels, taps;
  const float *scale, *offset, *w, *bias;
  const float* h;
  T* to;
  std::ptrdiff_t stride;
};
template <class T>
Status depthwise_rows_cuda(const DepthwiseRows<T>& depthwise, const Span* spans, int span_count,
                           std::ptrdiff_t rows, Stream stream);

// to[t][c] = values[c], c in [0, columns)
Status filled_rows_cuda(float* to, std::ptrdiff_t stride, int columns, const float* values,
                        const Span* spans, int span_count, std::ptrdiff_t rows, Stream stream);

// An affine coupling's inverse (coupling.h), and the linear map that follows it:
//   x = z but x[changed + j step] = (z[changed + j step] - b[j]) exp(-s(raw[j])),  j in [0, count)
//   y[t][i] = constant[i] + sum over j of matrix[i][j] x[j]        one fused multiply-add a term
// or, `turned` as an IAF is (flow/masked.h), x[..] = z[..] exp(s(raw[j])) + b[j].
// b, raw: may each be nullptr, for zeros. matrix, constant: both nullptr for y = x.
// Aliasing: none.
struct CoupledRows {
  int channels;
  const float* z;
  std::ptrdiff_t z_stride;
  int changed = 0, step = 1, count = 0;
  const float* b = nullptr;
  const float* raw = nullptr;
  std::ptrdiff_t out_stride = 0;  // of b and raw
  ScaleBound bound = ScaleBound::exact;
  float limit = 1;
  bool turned = false;
  const float* matrix = nullptr;  // [channels][channels]
  const float* constant = nullptr;
  float* y;
  std::ptrdiff_t y_stride;
};
Status coupled_rows_cuda(const CoupledRows& coupled, const Span* spans, int span_count,
                         std::ptrdiff_t rows, Stream stream);

// x[t][c] = z[t][c] bent by the knee (flow/knee.h), in double; of both, rows are `columns` apart.
struct Knee {
  double start, width, slope;
};
Status bent_rows_cuda(const float* z, float* x, int columns, const Knee& knee, const Span* spans,
                      int span_count, std::ptrdiff_t rows, Stream stream);

// The past of many arrays: the `bytes` that begin `step` bytes times *moved further on come to the
// front, by way of `aside`, so that both may overlap. Sizes and addresses: multiples of 4.
struct Past {
  unsigned char* front;
  unsigned char* aside;
  std::ptrdiff_t step, bytes;
};
Status keep_past_cuda(const Past* pasts, int count, const std::ptrdiff_t* moved, Stream stream);

}  // namespace fluvox::kernels
