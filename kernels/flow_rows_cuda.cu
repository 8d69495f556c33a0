#include "kernels/coupling_scale.h"
#include "kernels/device_rows.h"
#include "kernels/flow_rows.h"
#include "kernels/noise.h"

namespace fluvox::kernels {

namespace {

__global__ void drawn_kernel(float* z, std::ptrdiff_t stride, int first_channel, int channels,
                             int folded, const DrawnSpan* spans, int span_count) {
  std::ptrdiff_t row =
      std::ptrdiff_t{blockIdx.x} * kRowThreads + static_cast<std::ptrdiff_t>(threadIdx.x);
  const int c = static_cast<int>(row % channels);
  row /= channels;
  for (const DrawnSpan* s = spans; s < spans + span_count; ++s) {
    if (row >= s->end - s->begin) {
      row -= s->end - s->begin;
      continue;
    }
    const std::uint64_t n = s->first + static_cast<std::uint64_t>(row);
    const auto phase = static_cast<int>(n % static_cast<std::uint64_t>(folded));
    const auto channel = static_cast<std::uint32_t>(first_channel + c * folded + phase);
    z[(s->begin + row) * stride + c] =
        s->given != nullptr
            ? s->given[row * channels + c]
            : times(static_cast<float>(s->temperature.of(channel)),
                    normal(s->seed, s->item, channel, n / static_cast<std::uint64_t>(folded)));
    return;
  }
}

template <class T>
__global__ void gathered_kernel(GatheredRows<T> g, const Span* spans, int span_count) {
  Place at;
  if (!at.find(spans, span_count, g.width)) return;
  float value = g.one && at.column == g.count ? 1 : 0;
  if (at.column < g.count) value = g.from[at.row * g.from_stride + g.first + at.column * g.step];
  if (g.relu && value < 0) value = 0;  // NaN stays NaN
  g.to[at.row * g.to_stride + at.column] = stored<T>(value);
}

template <class T>
__global__ void windowed_kernel(WindowedRows<T> w, const Span* spans, int span_count) {
  Place at;
  if (!at.find(spans, span_count, w.width)) return;
  const std::ptrdiff_t row = at.row + w.first + at.column / w.columns;
  const bool there = at.column < w.count * w.columns && row >= at.span.from && row < at.span.to;
  w.to[at.row * w.width + at.column] =
      stored<T>(there ? w.from[row * w.from_stride + at.column % w.columns * w.step] : 0);
}

template <class T>
__global__ void depthwise_kernel(DepthwiseRows<T> d, const Span* spans, int span_count) {
  Place at;
  if (!at.find(spans, span_count, d.channels)) return;
  const int c = at.column;
  float sum = d.bias[c];
  for (int tap = 0; tap < d.taps; ++tap) {
    const std::ptrdiff_t row = at.row + tap - d.taps / 2;
    if (row < at.span.from || row >= at.span.to) continue;
    const float n = fused(d.scale[c], d.h[row * d.stride + c], d.offset[c]);
    sum = fused(d.w[tap * d.channels + c], n, sum);
  }
  d.to[at.row * d.stride + c] = stored<T>(sum);
}

__global__ void filled_kernel(float* to, std::ptrdiff_t stride, int columns, const float* values,
                              const Span* spans, int span_count) {
  Place at;
  if (!at.find(spans, span_count, columns)) return;
  to[at.row * stride + at.column] = values[at.column];
}

__device__ float uncoupled(const CoupledRows& c, std::ptrdiff_t row, int channel) {
  const float z = c.z[row * c.z_stride + channel];
  const int from_changed = channel - c.changed, j = from_changed / c.step;
  if (from_changed < 0 || from_changed % c.step != 0 || j >= c.count) return z;
  const float b = c.b == nullptr ? 0 : c.b[row * c.out_stride + j];
  const float s = c.raw == nullptr ? 0 : log_scale(c.bound, c.limit, c.raw[row * c.out_stride + j]);
  if (c.turned) return z * expf(s) + b;
  return c.raw == nullptr ? z - b : (z - b) * expf(-s);
}

__global__ void coupled_kernel(CoupledRows c, const Span* spans, int span_count) {
  Place at;
  if (!at.find(spans, span_count, c.channels)) return;
  float y;
  if (c.matrix == nullptr) {
    y = uncoupled(c, at.row, at.column);
  } else {
    y = c.constant[at.column];
    for (int j = 0; j < c.channels; ++j)
      y = fused(c.matrix[at.column * c.channels + j], uncoupled(c, at.row, j), y);
  }
  c.y[at.row * c.y_stride + at.column] = y;
}

__global__ void bent_kernel(const float* z, float* x, int columns, Knee knee, const Span* spans,
                            int span_count) {
  Place at;
  if (!at.find(spans, span_count, columns)) return;
  const std::ptrdiff_t i = at.row * columns + at.column;
  const double value = static_cast<double>(z[i]), t = fabs(value) - knee.start;
  if (!(t > 0)) {
    x[i] = z[i];
    return;
  }
  const double m = t < knee.width ? t : knee.width;
  const double bent = (1 - knee.slope) * (m * m / (2 * knee.width) + t - m);
  x[i] = static_cast<float>(value - copysign(bent, value));
}

constexpr int kPastBlocks = 8;  // for each of them

__global__ void past_kernel(const Past* pasts, const std::ptrdiff_t* moved, bool aside) {
  const Past past = pasts[blockIdx.x / kPastBlocks];
  const auto* from =
      reinterpret_cast<const std::uint32_t*>(aside ? past.front + past.step * *moved : past.aside);
  auto* to = reinterpret_cast<std::uint32_t*>(aside ? past.aside : past.front);
  for (std::ptrdiff_t i = blockIdx.x % kPastBlocks * kRowThreads + threadIdx.x; i < past.bytes / 4;
       i += kPastBlocks * kRowThreads)
    to[i] = from[i];
}

}  // namespace

Status drawn_rows_cuda(float* z, std::ptrdiff_t stride, int first_channel, int channels, int folded,
                       const DrawnSpan* spans, int span_count, std::ptrdiff_t rows, Stream stream) {
  return launch(shape_of_rows("drawn_rows", rows, channels), stream,
                {{"rows", rows}, {"channels", channels}}, drawn_kernel, z, stride, first_channel,
                channels, folded, spans, span_count);
}

template <class T>
Status gathered_rows_cuda(const GatheredRows<T>& gathered, const Span* spans, int span_count,
                          std::ptrdiff_t rows, Stream stream) {
  return launch(shape_of_rows("gathered_rows", rows, gathered.width), stream,
                {{"rows", rows}, {"columns", gathered.count}, {"bits", 8 * sizeof(T)}},
                gathered_kernel<T>, gathered, spans, span_count);
}

template <class T>
Status windowed_rows_cuda(const WindowedRows<T>& windowed, const Span* spans, int span_count,
                          std::ptrdiff_t rows, Stream stream) {
  return launch(shape_of_rows("windowed_rows", rows, windowed.width), stream,
                {{"rows", rows}, {"columns", windowed.width}, {"bits", 8 * sizeof(T)}},
                windowed_kernel<T>, windowed, spans, span_count);
}

template <class T>
Status depthwise_rows_cuda(const DepthwiseRows<T>& depthwise, const Span* spans, int span_count,
                           std::ptrdiff_t rows, Stream stream) {
  return launch(shape_of_rows("depthwise_rows", rows, depthwise.channels), stream,
                {{"rows", rows}, {"channels", depthwise.channels}, {"bits", 8 * sizeof(T)}},
                depthwise_kernel<T>, depthwise, spans, span_count);
}

Status filled_rows_cuda(float* to, std::ptrdiff_t stride, int columns, const float* values,
                        const Span* spans, int span_count, std::ptrdiff_t rows, Stream stream) {
  return launch(shape_of_rows("filled_rows", rows, columns), stream,
                {{"rows", rows}, {"columns", columns}}, filled_kernel, to, stride, columns, values,
                spans, span_count);
}

Status coupled_rows_cuda(const CoupledRows& coupled, const Span* spans, int span_count,
                         std::ptrdiff_t rows, Stream stream) {
  return launch(shape_of_rows("coupled_rows", rows, coupled.channels), stream,
                {{"rows", rows}, {"channels", coupled.channels}}, coupled_kernel, coupled, spans,
                span_count);
}

Status bent_rows_cuda(const float* z, float* x, int columns, const Knee& knee, const Span* spans,
                      int span_count, std::ptrdiff_t rows, Stream stream) {
  return launch(shape_of_rows("bent_rows", rows, columns), stream,
                {{"rows", rows}, {"columns", columns}}, bent_kernel, z, x, columns, knee, spans,
                span_count);
}

Status keep_past_cuda(const Past* pasts, int count, const std::ptrdiff_t* moved, Stream stream) {
  for (const bool aside : {true, false}) {
    const Status status = launch({"keep_past", std::ptrdiff_t{count} * kPastBlocks, kRowThreads},
                                 stream, {{"arrays", count}}, past_kernel, pasts, moved, aside);
    if (!status.ok()) return status;
  }
  return {};
}

#define FLUVOX_FLOW_ROWS(T)                                                                       \
  template Status gathered_rows_cuda<T>(const GatheredRows<T>&, const Span*, int, std::ptrdiff_t, \
                                        Stream);                                                  \
  template Status windowed_rows_cuda<T>(const WindowedRows<T>&, const Span*, int, std::ptrdiff_t, \
                                        Stream);                                                  \
  template Status depthwise_rows_cuda<T>(const DepthwiseRows<T>&, const Span*, int,               \
                                         std::ptrdiff_t, Stream);
FLUVOX_FLOW_ROWS(Bf16)
FLUVOX_FLOW_ROWS(Half)
FLUVOX_FLOW_ROWS(float)
#undef FLUVOX_FLOW_ROWS

}  // namespace fluvox::kernels
