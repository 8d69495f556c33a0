// The emulation itself: that it computes what CUDA would, and that it shows the faults it is for.
// Not compiled for a GPU.
#include <gtest/gtest-spi.h>

#include <algorithm>

#include "emulation/device_test.h"

namespace fluvox::kernels {
namespace {

constexpr unsigned kThreads = 64;

// Each thread's value in the order of another: needs the barrier.
__global__ void reverse(const float* in, float* out) {
  float* shared = shared_memory<float>();
  shared[threadIdx.x] = in[blockIdx.x * blockDim.x + threadIdx.x];
  __syncthreads();
  out[blockIdx.x * blockDim.x + threadIdx.x] = shared[blockDim.x - 1 - threadIdx.x];
}

TEST(Emulation, SharedMemoryAndBarriers) {
  std::vector<float> in = random_floats(3 * kThreads, 1);
  DeviceArray<float> device_in(in), out(in.size());
  ASSERT_TRUE(launch({"reverse", 3, kThreads, kThreads * sizeof(float)}, nullptr, {}, reverse,
                     device_in.data(), out.data())
                  .ok());
  for (int block = 0; block < 3; ++block)
    std::reverse(in.begin() + block * kThreads, in.begin() + (block + 1) * kThreads);
  EXPECT_EQ(out.download(), in);
}

// The same without the barrier.
__global__ void reverse_without_barrier(const float* in, float* out) {
  float* shared = shared_memory<float>();
  shared[threadIdx.x] = in[threadIdx.x];
  out[threadIdx.x] = shared[kThreads - 1 - threadIdx.x];
}

TEST(Emulation, AMissingBarrierShowsAsPoison) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the race is deliberate";
#endif
  DeviceArray<float> in(random_floats(kThreads, 2)), out(kThreads);
  ASSERT_TRUE(launch({"reverse_without_barrier", 1, kThreads, kThreads * sizeof(float)}, nullptr,
                     {}, reverse_without_barrier, in.data(), out.data())
                  .ok());
  const std::vector<float> values = out.download();
  for (unsigned i = 0; i < kThreads / 2; ++i) EXPECT_TRUE(std::isnan(values[i])) << i;
}

// Sums one element more than was written.
__global__ void sum_one_too_many(float* out) {
  float* shared = shared_memory<float>();
  shared[threadIdx.x] = 1;
  __syncthreads();
  if (threadIdx.x > 0) return;
  float sum = 0;
  for (unsigned i = 0; i <= blockDim.x; ++i) sum += shared[i];
  *out = sum;
}

TEST(Emulation, UninitialisedSharedMemoryShowsAsPoison) {
  DeviceArray<float> out(1);
  ASSERT_TRUE(launch({"sum_one_too_many", 1, kThreads, (kThreads + 1) * sizeof(float)}, nullptr, {},
                     sum_one_too_many, out.data())
                  .ok());
  EXPECT_TRUE(std::isnan(out.download()[0]));
}

TEST(Emulation, UninitialisedDeviceMemoryShowsAsPoison) {
  DeviceArray<float> in(kThreads), out(kThreads);
  ASSERT_TRUE(launch({"reverse", 1, kThreads, kThreads * sizeof(float)}, nullptr, {}, reverse,
                     in.data(), out.data())
                  .ok());
  for (const float value : out.download()) EXPECT_TRUE(std::isnan(value));
}

__global__ void overrun(float* out) { out[threadIdx.x] = 0; }

TEST(Emulation, AnOverrunIsSeenByTheGuards) {
  DeviceArray<float> out(kThreads - 1);
  ASSERT_TRUE(launch({"overrun", 1, kThreads}, nullptr, {}, overrun, out.data()).ok());
  testing::TestPartResultArray failures;
  {
    testing::ScopedFakeTestPartResultReporter catcher(
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &failures);
    out.download();
  }
  EXPECT_EQ(failures.size(), 1);
}

__global__ void shuffle(int* sums, int* shifted, int* broadcast) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  int sum = lane;
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, offset);
  sums[threadIdx.x] = sum;
  shifted[threadIdx.x] = __shfl_down_sync(0xffffffffu, lane, 3);
  broadcast[threadIdx.x] = __shfl_sync(0xffffffffu, static_cast<int>(threadIdx.x), 5);
}

TEST(Emulation, Shuffles) {
  DeviceArray<int> sums(kThreads), shifted(kThreads), broadcast(kThreads);
  ASSERT_TRUE(launch({"shuffle", 1, kThreads}, nullptr, {}, shuffle, sums.data(), shifted.data(),
                     broadcast.data())
                  .ok());
  for (int i = 0; i < static_cast<int>(kThreads); ++i) {
    const int lane = i % 32;
    EXPECT_EQ(sums.download()[static_cast<std::size_t>(i)], 31 * 32 / 2);
    EXPECT_EQ(shifted.download()[static_cast<std::size_t>(i)], lane + 3 < 32 ? lane + 3 : lane);
    EXPECT_EQ(broadcast.download()[static_cast<std::size_t>(i)], i / 32 * 32 + 5);
  }
}

// Half of the threads leave early; the others' barrier must not wait for them.
__global__ void half_leave(int* out) {
  if (threadIdx.x % 2 == 1) return;
  __syncthreads();
  out[threadIdx.x / 2] = 1;
}

TEST(Emulation, ThreadsThatEndAreNotWaitedFor) {
  DeviceArray<int> out(kThreads / 2);
  ASSERT_TRUE(launch({"half_leave", 1, kThreads}, nullptr, {}, half_leave, out.data()).ok());
  EXPECT_EQ(out.download(), std::vector<int>(kThreads / 2, 1));
}

TEST(Emulation, RefusesWhatCudaWouldRefuse) {
  const Status status =
      launch({"half_leave", 1, 2048}, nullptr, {}, half_leave, static_cast<int*>(nullptr));
  EXPECT_NE(std::string(status.message).find("cudaErrorInvalidConfiguration"), std::string::npos);
}

}  // namespace
}  // namespace fluvox::kernels
