// Sampling, one after the other, through a causal WaveNet (net/causal_wn.h) inside an
// autoregressive step (flow/masked.h): all layers of all samples in one launch, a block to each
// series of a batch. For t = 0, 1, ..., with what went before in the series' state:
//
//   h = relu(front(x[t - front], .., x[t - 1]))
//   for l in 0 .. layers - 1, d = 2^(l mod cycle):
//     a = in_l(h_l[t - (kernel - 1) d], .., h_l[t - d], h_l[t]) + cond_l(features[t]),  h_l: h here
//     g = tanh(a[:C]) sigmoid(a[C:]),   r = res_skip_l(g)
//     h <- (h + r[:C]) sqrt(1/2),  skip += r[C:]                             last layer: skip += r
//   (b, raw) = end(relu(mid(relu(skip)))),   s = limit tanh(raw / limit), or raw where limit is 0
//   x[t] = z[t] exp(s) + b
//
// Shapes: z and x [rows][inputs] (x may be z), features [rows][condition]; of series s rows
// [begin, end) of spans[s] (span.h) are made, t = 0 being row `from`. state: of each series
// state_size floats. They go on from launch to launch and begin anew where a span begins at t = 0,
// so a captured launch can be replayed, for other series too.
// Weights: w, one matrix [inputs of it][outputs of it] after the other: front (taps by time, each
// with its inputs), for each layer in (taps, then the condition) and res_skip, mid, end; bias
// likewise. T: float, Bf16 or Half, of w; everything else is float32. Every sum is dealt out to
// kSumParts parts by its term's number, each in order, then these in order: so no bits depend on
// company or launch. Against float64: within 1e-4 of 1 + |value| for the same weights.
#pragma once

#include <cstddef>

#include "kernels/span.h"
#include "kernels/status.h"
#include "kernels/storage.h"

namespace fluvox::kernels {

constexpr int kSumParts = 4;

struct CausalShape {
  int inputs, channels, layers, cycle, kernel, front, condition;
  float limit;

  FLUVOX_HOST_DEVICE int dilation(int layer) const { return 1 << layer % cycle; }
  FLUVOX_HOST_DEVICE int queue_rows(int layer) const { return (kernel - 1) * dilation(layer) + 1; }
  FLUVOX_HOST_DEVICE int layer_inputs() const { return kernel * channels + condition; }
  FLUVOX_HOST_DEVICE int sent(int layer) const {  // outputs of res_skip
    return layer + 1 < layers ? 2 * channels : channels;
  }
  // The past of x, then of each layer's h: rings, the row of position p being row p modulo rows.
  std::size_t state_size() const {
    std::size_t size = static_cast<std::size_t>(front) * static_cast<std::size_t>(inputs);
    for (int l = 0; l < layers; ++l)
      size += static_cast<std::size_t>(queue_rows(l)) * static_cast<std::size_t>(channels);
    return size;
  }
};

template <class W>
struct CausalWeights {
  const W* w;
  const float* bias;
};

// In double, from the same weights.
template <class W>
void causal_steps_cpu(const CausalShape& shape, const CausalWeights<W>& weights, const Span* spans,
                      int span_count, const float* z, const float* features, float* state,
                      float* x);

// `spans` is on the device: they may change between two runs of a captured graph (begin = end:
// none).
template <class W>
Status causal_steps_cuda(const CausalShape& shape, const CausalWeights<W>& weights,
                         const Span* spans, int span_count, const float* z, const float* features,
                         float* state, float* x, Stream stream);

}  // namespace fluvox::kernels
