#include "kernels/causal_steps.h"
#include "kernels/device.h"

namespace fluvox::kernels {

namespace {

constexpr int kMostThreads = 512;

// What a block keeps in shared memory: in, the input of the matrix at work; parts [kSumParts][its
// outputs]; h and skip [channels].
struct Shared {
  int in_size, parts_size;

  FLUVOX_HOST_DEVICE explicit Shared(const CausalShape& n) {
    in_size = n.layer_inputs();
    if (n.front * n.inputs > in_size) in_size = n.front * n.inputs;
    parts_size = kSumParts * 2 * (n.channels > n.inputs ? n.channels : n.inputs);
  }
  std::size_t bytes(const CausalShape& n) const {
    return static_cast<std::size_t>(in_size + parts_size + 2 * n.channels) * sizeof(float);
  }
};

template <class W>
struct Block {
  float *in, *parts, *h, *skip;
  const W* w;  // of the next matrix
  const float* bias;
  const float* summed_bias;  // of the last one

  // parts <- the products of in and the next matrix. All must have written `in` before; a barrier
  // follows, and all may read sum().
  __device__ void times(int inputs, int outputs) {
    __syncthreads();
    for (int at = static_cast<int>(threadIdx.x); at < kSumParts * outputs;
         at += static_cast<int>(blockDim.x)) {
      const int part = at / outputs, o = at % outputs;
      float sum = 0;
      for (int i = part; i < inputs; i += kSumParts)
        sum = fused(in[i], to_float(w[static_cast<std::ptrdiff_t>(i) * outputs + o]), sum);
      parts[at] = sum;
    }
    w += static_cast<std::ptrdiff_t>(inputs) * outputs;
    summed_bias = bias;
    bias += outputs;
    __syncthreads();
  }

  __device__ float sum(int o, int outputs) const {
    float sum = summed_bias[o];
    for (int part = 0; part < kSumParts; ++part) sum += parts[part * outputs + o];
    return sum;
  }
};

__device__ float relu(float a) { return a < 0 ? 0 : a; }  // NaN stays NaN

// Where in a ring of so many rows the row stands that comes `later` <= rows after row `slot`.
__device__ int later_slot(int slot, int later, int rows) {
  return slot + later < rows ? slot + later : slot + later - rows;
}

template <class Do>
__device__ void each(int count, Do action) {
  for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x))
    action(i);
}

// One sample. Threads meet in times(); what one writes for itself alone it may read without.
template <class W>
__device__ void step(const CausalShape& n, Block<W> b, const float* z, const float* features,
                     float* past, std::ptrdiff_t position, float* x) {
  const int channels = n.channels;
  const int oldest = static_cast<int>(position % n.front);  // row of past; x takes its place
  each(n.front * n.inputs, [&](int i) {
    b.in[i] = past[later_slot(oldest, i / n.inputs, n.front) * n.inputs + i % n.inputs];
  });
  b.times(n.front * n.inputs, channels);
  each(channels, [&](int c) {
    b.h[c] = relu(b.sum(c, channels));
    b.skip[c] = 0;
  });

  float* queue = past + n.front * n.inputs;
  for (int l = 0; l < n.layers; ++l) {
    const int rows = n.queue_rows(l), dilation = n.dilation(l), earlier = n.kernel - 1;
    const int now = static_cast<int>(position % rows);
    each(earlier * channels, [&](int i) {
      const std::ptrdiff_t slot = later_slot(now, 1 + i / channels * dilation, rows);
      b.in[i] = queue[slot * channels + i % channels];
    });
    each(channels, [&](int c) {
      b.in[earlier * channels + c] = b.h[c];
      queue[std::ptrdiff_t{now} * channels + c] = b.h[c];
    });
    each(n.condition, [&](int i) { b.in[n.kernel * channels + i] = features[i]; });
    b.times(n.layer_inputs(), 2 * channels);
    each(channels, [&](int c) {
      b.in[c] = tanhf(b.sum(c, 2 * channels)) / (1 + expf(-b.sum(channels + c, 2 * channels)));
    });
    const int sent = n.sent(l);
    b.times(channels, sent);
    each(channels, [&](int c) {
      if (sent == 2 * channels) b.h[c] = (b.h[c] + b.sum(c, sent)) * 0.70710678f;
      b.skip[c] += b.sum(sent - channels + c, sent);
    });
    queue += std::ptrdiff_t{rows} * channels;
  }
  each(channels, [&](int c) { b.in[c] = relu(b.skip[c]); });
  b.times(channels, channels);
  each(channels, [&](int c) { b.in[c] = relu(b.sum(c, channels)); });
  b.times(channels, 2 * n.inputs);
  each(n.inputs, [&](int i) {
    const float raw = b.sum(n.inputs + i, 2 * n.inputs);
    const float s = n.limit > 0 ? n.limit * tanhf(raw / n.limit) : raw;
    x[i] = fused(z[i], expf(s), b.sum(i, 2 * n.inputs));
    past[oldest * n.inputs + i] = x[i];
  });
  __syncthreads();
}

template <class W>
__global__ void __launch_bounds__(kMostThreads, 1)
    causal_steps_kernel(CausalShape n, CausalWeights<W> weights, std::ptrdiff_t state_size,
                        const Span* spans, const float* z, const float* features, float* state,
                        float* x) {
  const Shared shared(n);
  float* in = shared_memory<float>();
  float* parts = in + shared.in_size;
  float* h = parts + shared.parts_size;
  const Block<W> block = {in, parts, h, h + n.channels, weights.w, weights.bias, nullptr};
  const Span span = spans[blockIdx.x];
  float* mine = state + std::ptrdiff_t{blockIdx.x} * state_size;
  if (span.begin == span.from) {
    for (std::ptrdiff_t i = threadIdx.x; i < state_size; i += blockDim.x) mine[i] = 0;
    __syncthreads();
  }
  for (std::ptrdiff_t t = span.begin; t < span.end; ++t)
    step(n, block, z + t * n.inputs, features + t * n.condition, mine, t - span.from,
         x + t * n.inputs);
}

}  // namespace

template <class W>
Status causal_steps_cuda(const CausalShape& shape, const CausalWeights<W>& weights,
                         const Span* spans, int span_count, const float* z, const float* features,
                         float* state, float* x, Stream stream) {
  const unsigned work = static_cast<unsigned>(kSumParts * 2 * shape.channels + 31) / 32 * 32;
  const unsigned threads = work < kMostThreads ? work : kMostThreads;
  return launch({"causal_steps", span_count, threads, Shared(shape).bytes(shape)}, stream,
                {{"series", span_count},
                 {"channels", shape.channels},
                 {"layers", shape.layers},
                 {"bits", 8 * sizeof(W)}},
                causal_steps_kernel<W>, shape, weights,
                static_cast<std::ptrdiff_t>(shape.state_size()), spans, z, features, state, x);
}

#define FLUVOX_CAUSAL_STEPS(W)                                                                   \
  template Status causal_steps_cuda<W>(const CausalShape&, const CausalWeights<W>&, const Span*, \
                                       int, const float*, const float*, float*, float*, Stream);
FLUVOX_CAUSAL_STEPS(Bf16)
FLUVOX_CAUSAL_STEPS(Half)
FLUVOX_CAUSAL_STEPS(float)
#undef FLUVOX_CAUSAL_STEPS

}  // namespace fluvox::kernels
