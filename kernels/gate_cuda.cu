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

}  // namespace

Status gate_cuda(std::ptrdiff_t rows, int channels, const float* a, std::ptrdiff_t a_stride,
                 const float* q, std::ptrdiff_t q_stride, float* y, std::ptrdiff_t y_stride,
                 Stream stream) {
  const std::ptrdiff_t count = rows * channels;
  return launch({"gate", blocks_for(count, kThreads), kThreads}, stream,
                {{"rows", rows}, {"channels", channels}}, gate_kernel, count, channels, a, a_stride,
                q, q_stride, y, y_stride);
}

}  // namespace fluvox::kernels
