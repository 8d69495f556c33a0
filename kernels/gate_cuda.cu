#include "kernels/device.h"
#include "kernels/gate.h"

namespace fluvox::kernels {

namespace {

constexpr int kThreads = 128;

// One thread, one y.
__global__ void gate_kernel(std::ptrdiff_t count, int channels, const float* a,
                            std::ptrdiff_t a_stride, const float* q, std::ptrdiff_t q_stride,
                            float* y, std::ptrdiff_t y_stride) {
  const std::ptrdiff_t index = std::ptrdiff_t{blockIdx.x} * kThreads + threadIdx.x;
  if (index >= count) return;
  const std::ptrdiff_t t = index / channels;
  const int c = static_cast<int>(index % channels);
  float u = a[t * a_stride + c];
  float v = a[t * a_stride + channels + c];
  if (q != nullptr) {
    u += q[t * q_stride + c];
    v += q[t * q_stride + channels + c];
  }
  y[t * y_stride + c] = tanhf(u) / (1 + expf(-v));
}

// One thread, one y.
template <class T>
__global__ void factors_kernel(std::ptrdiff_t count, int channels, const T* a,
                               std::ptrdiff_t a_stride, const T* q, std::ptrdiff_t q_stride, T* f,
                               T* y, std::ptrdiff_t y_stride) {
  const std::ptrdiff_t index = std::ptrdiff_t{blockIdx.x} * kThreads + threadIdx.x;
  if (index >= count) return;
  const std::ptrdiff_t t = index / channels;
  const int c = static_cast<int>(index % channels);
  float u = to_float(a[t * a_stride + c]);
  float v = to_float(a[t * a_stride + channels + c]);
  if (q != nullptr) {
    u += to_float(q[t * q_stride + c]);
    v += to_float(q[t * q_stride + channels + c]);
  }
  const T tanh_u = stored<T>(tanhf(u)), sigmoid_v = stored<T>(1 / (1 + expf(-v)));
  if (f != nullptr) {
    f[t * 2 * channels + c] = tanh_u;
    f[t * 2 * channels + channels + c] = sigmoid_v;
  }
  y[t * y_stride + c] = stored<T>(to_float(tanh_u) * to_float(sigmoid_v));
}

// One thread, one gy.
template <class T>
__global__ void backward_kernel(std::ptrdiff_t count, int channels, const T* f, const T* gy,
                                T* ga) {
  const std::ptrdiff_t index = std::ptrdiff_t{blockIdx.x} * kThreads + threadIdx.x;
  if (index >= count) return;
  const std::ptrdiff_t i = index / channels * channels + index;  // 2 channels t + c
  const float u = to_float(f[i]), v = to_float(f[i + channels]);
  const float along = to_float(gy[index]) * v;
  ga[i] = stored<T>(along * (1 - u * u));
  ga[i + channels] = stored<T>(along * u * (1 - v));
}

}  // namespace

Status gate_cuda(std::ptrdiff_t rows, int channels, const float* a, std::ptrdiff_t a_stride,
                 const float* q, std::ptrdiff_t q_stride, float* y, std::ptrdiff_t y_stride,
                 Stream stream) {
  const std::ptrdiff_t count = rows * channels;
  return launch({"gate", blocks_for(count, kThreads), kThreads}, stream,
                {{"rows", rows}, {"channels", channels}}, gate_kernel, count, channels, a, a_stride,
                q, q_stride, y, y_stride);
}

template <class T>
Status gate_factors_cuda(std::ptrdiff_t rows, int channels, const T* a, std::ptrdiff_t a_stride,
                         const T* q, std::ptrdiff_t q_stride, T* f, T* y, std::ptrdiff_t y_stride,
                         Stream stream) {
  const std::ptrdiff_t count = rows * channels;
  return launch({"gate_factors", blocks_for(count, kThreads), kThreads}, stream,
                {{"rows", rows}, {"channels", channels}}, factors_kernel<T>, count, channels, a,
                a_stride, q, q_stride, f, y, y_stride);
}

template <class T>
Status gate_backward_cuda(std::ptrdiff_t rows, int channels, const T* f, const T* gy, T* ga,
                          Stream stream) {
  const std::ptrdiff_t count = rows * channels;
  return launch({"gate_backward", blocks_for(count, kThreads), kThreads}, stream,
                {{"rows", rows}, {"channels", channels}}, backward_kernel<T>, count, channels, f,
                gy, ga);
}

#define FLUVOX_GATE(T)                                                                       \
  template Status gate_factors_cuda(std::ptrdiff_t, int, const T*, std::ptrdiff_t, const T*, \
                                    std::ptrdiff_t, T*, T*, std::ptrdiff_t, Stream);         \
  template Status gate_backward_cuda(std::ptrdiff_t, int, const T*, const T*, T*, Stream);
FLUVOX_GATE(float)
FLUVOX_GATE(Bf16)
FLUVOX_GATE(Half)
#undef FLUVOX_GATE

}  // namespace fluvox::kernels
