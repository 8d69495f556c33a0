// What a time x bin grid (flow/grid_coupling.h, whiten.h, lapped.h) needs beside its convolutions
// when it is sampled on a GPU. A row is a frame [bins]; `spans` as in flow_rows.h, and row
// span.from is the first frame of its series.
#pragma once

#include <cstddef>

#include "kernels/span.h"
#include "kernels/status.h"

namespace fluvox::kernels {

// What the net of a grid coupling sees at every changed place:
//   x[row][column] = [kept neighbour | maps at the changed place | maps at the kept one | zeros]
// rounded to T, `width` numbers to a place. With by_frames rows are pairs of frames, a span's of
// pairs too: the changed frame is 2 row + 1 - keep, the kept one is before it (zeros, and maps of
// zeros, before the first). Else it is columns that are pairs of bins.
template <class T>
struct GridSeen {
  bool by_frames;
  int keep;  // 0: the even ones are kept, 1: the odd ones
  int bins, maps;
  const float* z;         // [frames][bins]
  const float* features;  // [frames][bins][maps]
  T* x;                   // [rows][columns][width]
  int width;

  FLUVOX_HOST_DEVICE int columns() const { return by_frames ? bins : bins / 2; }
};
template <class T>
Status grid_seen_cuda(const GridSeen<T>& seen, const Span* spans, int span_count,
                      std::ptrdiff_t rows, Stream stream);

// x[f][k] = z[f][k] exp(log_scale[f][k] + bias[k])
Status whitened_rows_cuda(const float* z, const float* log_scale, const float* bias, float* x,
                          int bins, const Span* spans, int span_count, std::ptrdiff_t rows,
                          Stream stream);

// z[f][k] <- (-1)^(k f) z[f][k]
Status signed_rows_cuda(float* z, int bins, const Span* spans, int span_count, std::ptrdiff_t rows,
                        Stream stream);

// The lapped transform's butterflies backwards, in double, from x [frames][hop] into y: frames of
// a span, which also reads the frames beside it, up to span.to.
//   right = x[f][i], left = x[f - 1][hop - 1 - i], i < hop / 2:
//   y[f][i] = sine[i] right - cosine[i] left      y[f - 1][hop - 1 - i] = sine[i] left + cosine[i]
//   right
Status unlapped_rows_cuda(const float* x, int hop, const double* sine, const double* cosine,
                          float* y, const Span* spans, int span_count, std::ptrdiff_t rows,
                          Stream stream);

}  // namespace fluvox::kernels
