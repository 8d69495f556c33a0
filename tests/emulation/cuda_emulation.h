// CUDA on the CPU, as far as kernels/*_cuda.cu use it, so that the tests run the very sources
// without a GPU: each thread of a block is an OS thread, __syncthreads() a std::barrier, blocks run
// one after the other. Slow and faithful: ThreadSanitizer sees races, AddressSanitizer overruns.
//
// Memory from cudaMalloc and each block's shared memory are filled with poison first, all bits set,
// which is NaN as float and as double: what is read before it is written shows in the result.
#pragma once

#include <barrier>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __host__

struct uint3 {
  unsigned x, y, z;
};

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned nx = 1, unsigned ny = 1, unsigned nz = 1) : x(nx), y(ny), z(nz) {}
};

inline thread_local uint3 threadIdx;
inline thread_local uint3 blockIdx;
inline thread_local dim3 blockDim;
inline thread_local dim3 gridDim;

namespace fluvox::emulation {

constexpr unsigned kWarpSize = 32;
constexpr int kPoison = 0xff;
constexpr std::size_t kMaxShared = 48 * 1024;  // what a launch may ask for without further steps

struct Warp {
  explicit Warp(unsigned lanes) : arrived(lanes) { std::memset(slots, kPoison, sizeof slots); }
  std::barrier<> arrived;
  std::uint64_t slots[kWarpSize];  // what each lane offers to a shuffle
};

constexpr std::align_val_t kAlignment{16};
struct Free {
  void operator()(std::byte* bytes) const { ::operator delete(bytes, kAlignment); }
};

struct Block {
  Block(unsigned threads, std::size_t shared_bytes)
      : arrived(threads),
        shared(static_cast<std::byte*>(::operator new(shared_bytes, kAlignment))) {
    std::memset(shared.get(), kPoison, shared_bytes);
    for (unsigned first = 0; first < threads; first += kWarpSize)
      warps.push_back(
          std::make_unique<Warp>(threads - first < kWarpSize ? threads - first : kWarpSize));
  }
  std::barrier<> arrived;
  std::unique_ptr<std::byte, Free> shared;
  std::vector<std::unique_ptr<Warp>> warps;
};

inline thread_local Block* block = nullptr;
inline thread_local Warp* warp = nullptr;

inline void* shared_memory() { return block->shared.get(); }

// The value that lane `source` offers; its own beyond the warp's 32, as the hardware does.
template <class T>
T exchange(T value, unsigned lane, unsigned source) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t));
  std::memcpy(&warp->slots[lane], &value, sizeof value);
  warp->arrived.arrive_and_wait();
  T other = value;
  if (source < kWarpSize) std::memcpy(&other, &warp->slots[source], sizeof other);
  warp->arrived.arrive_and_wait();
  return other;
}

inline unsigned lane_of_thread() { return threadIdx.x % kWarpSize; }

// Runs the whole grid before it returns; so every stream is synchronous.
template <class Body>
void run_grid(dim3 grid, dim3 threads, std::size_t shared_bytes, Body body) {
  for (unsigned x = 0; x < grid.x; ++x) {
    Block here(threads.x, shared_bytes);
    std::vector<std::thread> running;
    running.reserve(threads.x);
    for (unsigned thread = 0; thread < threads.x; ++thread)
      running.emplace_back([&, thread] {
        threadIdx = {thread, 0, 0};
        blockIdx = {x, 0, 0};
        blockDim = threads;
        gridDim = grid;
        block = &here;
        warp = here.warps[thread / kWarpSize].get();
        body();
        // A thread that has ended is waited for by none. Its shuffles offer poison from now on.
        std::memset(&warp->slots[lane_of_thread()], kPoison, sizeof(std::uint64_t));
        warp->arrived.arrive_and_drop();
        here.arrived.arrive_and_drop();
      });
    for (std::thread& thread : running) thread.join();
  }
}

}  // namespace fluvox::emulation

inline void __syncthreads() { fluvox::emulation::block->arrived.arrive_and_wait(); }
inline void __syncwarp(unsigned = 0xffffffffu) {
  fluvox::emulation::warp->arrived.arrive_and_wait();
}

template <class T>
T __shfl_xor_sync(unsigned, T value, int lane_mask) {
  const unsigned lane = fluvox::emulation::lane_of_thread();
  return fluvox::emulation::exchange(value, lane, lane ^ static_cast<unsigned>(lane_mask));
}

template <class T>
T __shfl_down_sync(unsigned, T value, unsigned delta) {
  const unsigned lane = fluvox::emulation::lane_of_thread();
  return fluvox::emulation::exchange(value, lane, lane + delta);
}

template <class T>
T __shfl_sync(unsigned, T value, int source) {
  return fluvox::emulation::exchange(value, fluvox::emulation::lane_of_thread(),
                                     static_cast<unsigned>(source) % fluvox::emulation::kWarpSize);
}

// The runtime's functions that device.h and the tests call.
enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2 };
struct CUstream_st;
using cudaStream_t = CUstream_st*;
struct cudaDeviceProp {
  char name[256];
};

namespace fluvox::emulation {
inline thread_local cudaError_t last_error = cudaSuccess;
}

inline const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration:
      return "cudaErrorInvalidConfiguration";
  }
  return "unrecognized error code";
}

inline const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
  }
  return "unrecognized error code";
}

inline cudaError_t cudaGetLastError() {
  return std::exchange(fluvox::emulation::last_error, cudaSuccess);
}

inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }

inline cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}

inline cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  std::strcpy(properties->name, "emulated on the CPU");
  return cudaSuccess;
}

inline cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  *pointer = std::malloc(bytes > 0 ? bytes : 1);
  if (*pointer == nullptr) return cudaErrorMemoryAllocation;
  std::memset(*pointer, fluvox::emulation::kPoison, bytes);
  return cudaSuccess;
}

inline cudaError_t cudaFree(void* pointer) {
  std::free(pointer);
  return cudaSuccess;
}

inline cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind) {
  if (bytes > 0) std::memcpy(to, from, bytes);
  return cudaSuccess;
}

template <class... Parameters>
cudaError_t cudaLaunchKernel(void (*kernel)(Parameters...), dim3 grid, dim3 threads,
                             void** arguments, std::size_t shared_bytes, cudaStream_t) {
  // Blocks are one-dimensional here, as the kernels' are.
  const bool fits = grid.x > 0 && grid.y == 1 && grid.z == 1 && threads.x > 0 &&
                    threads.x <= 1024 && threads.y == 1 && threads.z == 1 &&
                    shared_bytes <= fluvox::emulation::kMaxShared;
  if (!fits) return fluvox::emulation::last_error = cudaErrorInvalidConfiguration;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    fluvox::emulation::run_grid(grid, threads, shared_bytes,
                                [&] { kernel(*static_cast<Parameters*>(arguments[I])...); });
  }
  (std::index_sequence_for<Parameters...>{});
  return cudaSuccess;
}
