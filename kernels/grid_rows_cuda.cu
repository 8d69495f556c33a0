#include "kernels/device_rows.h"
#include "kernels/grid_rows.h"

namespace fluvox::kernels {

namespace {

template <class T>
__global__ void seen_kernel(GridSeen<T> g, const Span* spans, int span_count) {
  Place at;
  if (!at.find(spans, span_count, g.columns() * g.width)) return;
  const int column = at.column / g.width, number = at.column % g.width;
  const std::ptrdiff_t frame = g.by_frames ? 2 * at.row + 1 - g.keep : at.row;
  const std::ptrdiff_t kept_frame = g.by_frames ? frame - 1 : frame;
  const int bin = g.by_frames ? column : 2 * column + 1 - g.keep;
  const int kept_bin = g.by_frames ? column : 2 * column + g.keep;
  // Only where odd frames are kept does the first pair lack the kept one.
  const bool there = !g.by_frames || g.keep == 0 || at.row > at.span.from;
  const std::ptrdiff_t place = frame * g.bins + bin, kept = kept_frame * g.bins + kept_bin;
  float value = 0;
  if (number == 0)
    value = there ? g.z[kept] : 0;
  else if (number <= g.maps)
    value = g.features[place * g.maps + number - 1];
  else if (number <= 2 * g.maps)
    value = there ? g.features[kept * g.maps + number - 1 - g.maps] : 0;
  g.x[at.row * g.columns() * g.width + at.column] = stored<T>(value);
}

__global__ void whitened_kernel(const float* z, const float* log_scale, const float* bias, float* x,
                                int bins, const Span* spans, int span_count) {
  Place at;
  if (!at.find(spans, span_count, bins)) return;
  const std::ptrdiff_t i = at.row * bins + at.column;
  x[i] = z[i] * expf(log_scale[i] + bias[at.column]);
}

__global__ void signed_kernel(float* z, int bins, const Span* spans, int span_count) {
  Place at;
  if (!at.find(spans, span_count, bins)) return;
  if ((at.row - at.span.from) % 2 != 0 && at.column % 2 != 0)
    z[at.row * bins + at.column] = -z[at.row * bins + at.column];
}

__global__ void unlapped_kernel(const float* x, int hop, const double* sine, const double* cosine,
                                float* y, const Span* spans, int span_count) {
  Place at;
  if (!at.find(spans, span_count, hop)) return;
  const bool rising = at.column < hop / 2;
  const int i = rising ? at.column : hop - 1 - at.column;
  const std::ptrdiff_t border = rising ? at.row : at.row + 1;
  float value = x[at.row * hop + at.column];
  if (border > at.span.from && border < at.span.to) {
    const double right = static_cast<double>(x[border * hop + i]);
    const double left = static_cast<double>(x[border * hop - 1 - i]);
    value = static_cast<float>(rising ? sine[i] * right - cosine[i] * left
                                      : sine[i] * left + cosine[i] * right);
  }
  y[at.row * hop + at.column] = value;
}

}  // namespace

template <class T>
Status grid_seen_cuda(const GridSeen<T>& seen, const Span* spans, int span_count,
                      std::ptrdiff_t rows, Stream stream) {
  return launch(shape_of_rows("grid_seen", rows, seen.columns() * seen.width), stream,
                {{"rows", rows}, {"bins", seen.bins}, {"maps", seen.maps}}, seen_kernel<T>, seen,
                spans, span_count);
}

Status whitened_rows_cuda(const float* z, const float* log_scale, const float* bias, float* x,
                          int bins, const Span* spans, int span_count, std::ptrdiff_t rows,
                          Stream stream) {
  return launch(shape_of_rows("whitened_rows", rows, bins), stream,
                {{"rows", rows}, {"bins", bins}}, whitened_kernel, z, log_scale, bias, x, bins,
                spans, span_count);
}

Status signed_rows_cuda(float* z, int bins, const Span* spans, int span_count, std::ptrdiff_t rows,
                        Stream stream) {
  return launch(shape_of_rows("signed_rows", rows, bins), stream, {{"rows", rows}, {"bins", bins}},
                signed_kernel, z, bins, spans, span_count);
}

Status unlapped_rows_cuda(const float* x, int hop, const double* sine, const double* cosine,
                          float* y, const Span* spans, int span_count, std::ptrdiff_t rows,
                          Stream stream) {
  return launch(shape_of_rows("unlapped_rows", rows, hop), stream, {{"rows", rows}, {"hop", hop}},
                unlapped_kernel, x, hop, sine, cosine, y, spans, span_count);
}

#define FLUVOX_GRID_ROWS(T) \
  template Status grid_seen_cuda<T>(const GridSeen<T>&, const Span*, int, std::ptrdiff_t, Stream);
FLUVOX_GRID_ROWS(Bf16)
FLUVOX_GRID_ROWS(Half)
FLUVOX_GRID_ROWS(float)
#undef FLUVOX_GRID_ROWS

}  // namespace fluvox::kernels
