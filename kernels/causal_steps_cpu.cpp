#include <algorithm>
#include <cmath>

#include "kernels/causal_steps.h"

namespace fluvox::kernels {

namespace {

constexpr int kMost = 1 << 15;  // inputs of a matrix

// The matrices in the order in which they come.
template <class W>
struct Matrices {
  CausalWeights<W> at;

  // y [outputs] = bias + x [inputs] w; the next matrix is the next one's.
  void times(const double* x, int inputs, int outputs, double* y) {
    for (int o = 0; o < outputs; ++o) {
      y[o] = at.bias[o];
      for (int i = 0; i < inputs; ++i)
        y[o] += x[i] * double{to_float(at.w[static_cast<std::ptrdiff_t>(i) * outputs + o])};
    }
    at.w += static_cast<std::ptrdiff_t>(inputs) * outputs;
    at.bias += outputs;
  }
};

void relu(double* x, int count) {
  for (int i = 0; i < count; ++i) x[i] = x[i] < 0 ? 0 : x[i];
}

template <class W>
void step(const CausalShape& n, Matrices<W> matrices, const float* z, const float* features,
          float* state, std::ptrdiff_t position, float* x) {
  static thread_local double in[kMost], a[kMost], h[kMost], skip[kMost];
  const int channels = n.channels;
  float* past = state;
  for (int tap = 0; tap < n.front; ++tap)
    for (int i = 0; i < n.inputs; ++i)
      in[tap * n.inputs + i] = past[(position + tap) % n.front * n.inputs + i];
  matrices.times(in, n.front * n.inputs, channels, h);
  relu(h, channels);
  for (int c = 0; c < channels; ++c) skip[c] = 0;

  float* queue = past + n.front * n.inputs;
  for (int l = 0; l < n.layers; ++l) {
    const int rows = n.queue_rows(l);
    for (int c = 0; c < channels; ++c)
      queue[position % rows * channels + c] = static_cast<float>(h[c]);
    for (int tap = 0; tap < n.kernel; ++tap)
      for (int c = 0; c < channels; ++c)
        in[tap * channels + c] = queue[(position + 1 + tap * n.dilation(l)) % rows * channels + c];
    for (int i = 0; i < n.condition; ++i) in[n.kernel * channels + i] = features[i];
    matrices.times(in, n.layer_inputs(), 2 * channels, a);
    for (int c = 0; c < channels; ++c) in[c] = std::tanh(a[c]) / (1 + std::exp(-a[channels + c]));
    matrices.times(in, channels, n.sent(l), a);
    const double* sent = a;
    if (n.sent(l) == 2 * channels) {
      for (int c = 0; c < channels; ++c) h[c] = (h[c] + a[c]) * std::sqrt(0.5);
      sent += channels;
    }
    for (int c = 0; c < channels; ++c) skip[c] += sent[c];
    queue += rows * channels;
  }
  relu(skip, channels);
  matrices.times(skip, channels, channels, h);
  relu(h, channels);
  matrices.times(h, channels, 2 * n.inputs, a);
  for (int i = 0; i < n.inputs; ++i) {
    const double raw = a[n.inputs + i];
    const double s = n.limit > 0 ? n.limit * std::tanh(raw / n.limit) : raw;
    x[i] = static_cast<float>(z[i] * std::exp(s) + a[i]);
    past[position % n.front * n.inputs + i] = x[i];
  }
}

}  // namespace

template <class W>
void causal_steps_cpu(const CausalShape& shape, const CausalWeights<W>& weights, const Span* spans,
                      int span_count, const float* z, const float* features, float* state,
                      float* x) {
  const auto size = static_cast<std::ptrdiff_t>(shape.state_size());
  for (const Span* span = spans; span < spans + span_count; ++span, state += size) {
    if (span->begin == span->from) std::fill_n(state, size, 0.0f);
    for (std::ptrdiff_t t = span->begin; t < span->end; ++t)
      step(shape, Matrices<W>{weights}, z + t * shape.inputs, features + t * shape.condition, state,
           t - span->from, x + t * shape.inputs);
  }
}

#define FLUVOX_CAUSAL_STEPS(W)                                                                     \
  template void causal_steps_cpu<W>(const CausalShape&, const CausalWeights<W>&, const Span*, int, \
                                    const float*, const float*, float*, float*);
FLUVOX_CAUSAL_STEPS(Bf16)
FLUVOX_CAUSAL_STEPS(Half)
FLUVOX_CAUSAL_STEPS(float)
#undef FLUVOX_CAUSAL_STEPS

}  // namespace fluvox::kernels
