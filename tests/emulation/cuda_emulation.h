// CUDA on the CPU, as far as kernels/*_cuda.cu use it, so that the tests run the very sources
// without a GPU: the threads of a block take turns (block_threads.h), blocks run one after the
// other. ThreadSanitizer sees races, AddressSanitizer overruns. Tensor cores are emulated by the
// fragments' documented layout, exchanged through the warp; copies in the background land no sooner
// than they are waited for.
//
// A stream does at once what it is asked; while it is captured it keeps launches, with their
// arguments, for its graph, and refuses what CUDA refuses then.
//
// Memory from cudaMalloc and each block's shared memory are filled with poison first, all bits set,
// which is NaN as float and as double: what is read before it is written shows in the result.
#pragma once

#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "emulation/block_threads.h"

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)

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
constexpr std::size_t kMaxShared = 48 * 1024;        // what a launch may ask for as it is
constexpr std::size_t kMaxSharedAsked = 163 * 1024;  // and after cudaFuncSetAttribute: sm_80's

// What each lane offers to the others. There are two sets of slots, used in turn: a lane can write
// the next set while another still reads this one, and no further.
struct Warp {
  static constexpr std::size_t kSlotBytes = 32;
  explicit Warp(unsigned lanes) : arrived(lanes) {
    for (std::atomic<unsigned>& lane : ended) lane = ~0u;
    for (unsigned lane = lanes; lane < kWarpSize; ++lane) ended[lane] = 0;
  }
  Barrier arrived;
  alignas(kSlotBytes) std::byte slots[2][kWarpSize][kSlotBytes];
  std::atomic<unsigned> ended[kWarpSize];  // exchanges that a lane took part in before it ended
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
  Barrier arrived;
  std::unique_ptr<std::byte, Free> shared;
  std::vector<std::unique_ptr<Warp>> warps;
};

struct Copy {
  void* to;
  const void* from;  // nullptr: zeros
};

struct Thread {
  Block* block;
  Warp* warp;
  unsigned exchanges = 0;                      // that it took part in so far
  std::vector<std::vector<Copy>> groups = {};  // of copies; the last one is not committed yet
};
inline thread_local Thread* self = nullptr;

inline void* shared_memory() { return self->block->shared.get(); }

inline unsigned lane_of_thread() { return threadIdx.x % kWarpSize; }

// Offers `mine` and waits until all lanes have. The result, offered(lane), is what that lane
// offers; poison from one that has ended.
template <class T>
auto offer(const T& mine) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= Warp::kSlotBytes);
  Warp* warp = self->warp;
  const unsigned number = self->exchanges++;
  std::memcpy(warp->slots[number % 2][lane_of_thread()], &mine, sizeof mine);
  warp->arrived.arrive_and_wait();
  return [number, warp](unsigned lane) {
    T other;
    if (number < warp->ended[lane])
      std::memcpy(&other, warp->slots[number % 2][lane], sizeof other);
    else
      std::memset(&other, kPoison, sizeof other);
    return other;
  };
}

// The value that lane `source` offers; its own beyond the warp's 32, as the hardware does.
template <class T>
T exchange(T mine, unsigned source) {
  const auto offered = offer(mine);
  return source < kWarpSize ? offered(source) : mine;
}

inline void copy_async(void* to, const void* from, bool valid) {
  auto& groups = self->groups;
  if (groups.empty()) groups.emplace_back();
  groups.back().push_back({to, valid ? from : nullptr});
}

inline void copy_async_commit() {
  auto& groups = self->groups;
  if (groups.empty()) groups.emplace_back();
  groups.emplace_back();
}

inline void copy_async_wait(std::size_t pending) {
  auto& groups = self->groups;
  while (groups.size() > pending + 1) {
    for (const Copy& copy : groups.front())
      if (copy.from != nullptr)
        std::memcpy(copy.to, copy.from, 16);
      else
        std::memset(copy.to, 0, 16);
    groups.erase(groups.begin());
  }
}

inline void load_matrices(std::uint32_t (&a)[4], const void* mine, bool transposed) {
  const auto row_of = offer(mine);
  const unsigned lane = lane_of_thread();
  for (unsigned m = 0; m < 4; ++m) {
    std::uint16_t pair[2];
    for (unsigned i = 0; i < 2; ++i) {
      const unsigned outer = lane / 4, inner = 2 * (lane % 4) + i;
      const unsigned row = transposed ? inner : outer, column = transposed ? outer : inner;
      std::memcpy(&pair[i], static_cast<const std::uint16_t*>(row_of(8 * m + row)) + column,
                  sizeof pair[i]);
    }
    std::memcpy(&a[m], pair, sizeof pair);
  }
}

// m16n8k16: element (row, k) of a, (k, column) of b and (row, column) of the sums lie where
// multiply_add of device.h says.
template <class Value>
void multiply_add(float (&sums)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1,
                  Value value) {
  struct Fragments {
    std::uint32_t a[4], b[2];
  };
  const auto of_lane = offer(Fragments{{a[0], a[1], a[2], a[3]}, {b0, b1}});
  const unsigned lane = lane_of_thread(), g = lane / 4, t = lane % 4;
  const auto number = [&](std::uint32_t pair, unsigned upper) {
    return value(static_cast<std::uint16_t>(pair >> (16 * upper)));
  };
  for (unsigned k = 0; k < 16; ++k) {
    const unsigned holder = (k % 8) / 2, upper = k % 2, high = k / 8;
    const Fragments row = of_lane(4 * g + holder);
    const Fragments left = of_lane(4 * (2 * t) + holder), right = of_lane(4 * (2 * t + 1) + holder);
    const float a0 = number(row.a[2 * high], upper), a1 = number(row.a[2 * high + 1], upper);
    const float x = number(left.b[high], upper), y = number(right.b[high], upper);
    sums[0] += a0 * x;
    sums[1] += a0 * y;
    sums[2] += a1 * x;
    sums[3] += a1 * y;
  }
}

// Runs the whole grid before it returns; so every stream is synchronous.
template <class Body>
void run_grid(dim3 grid, dim3 threads, std::size_t shared_bytes, Body body) {
  for (unsigned x = 0; x < grid.x; ++x) {
    Block here(threads.x, shared_bytes);
    std::vector<Thread> all;
    for (unsigned number = 0; number < threads.x; ++number)
      all.push_back({&here, here.warps[number / kWarpSize].get()});
    const auto resumed = [&](unsigned number) {
      self = &all[number];
      threadIdx = {number, 0, 0};
      blockIdx = {x, 0, 0};
      blockDim = threads;
      gridDim = grid;
    };
    run_threads(threads.x, resumed, [&] {
      body();
      // A thread that has ended is waited for by none, and offers nothing from now on.
      self->warp->ended[lane_of_thread()] = self->exchanges;
      self->warp->arrived.arrive_and_drop();
      self->block->arrived.arrive_and_drop();
    });
  }
}

}  // namespace fluvox::emulation

inline void __syncthreads() { fluvox::emulation::self->block->arrived.arrive_and_wait(); }
inline void __syncwarp(unsigned = 0xffffffffu) {
  fluvox::emulation::self->warp->arrived.arrive_and_wait();
}

template <class T>
T __shfl_xor_sync(unsigned, T value, int lane_mask) {
  const unsigned lane = fluvox::emulation::lane_of_thread();
  return fluvox::emulation::exchange(value, lane ^ static_cast<unsigned>(lane_mask));
}

template <class T>
T __shfl_down_sync(unsigned, T value, unsigned delta) {
  return fluvox::emulation::exchange(value, fluvox::emulation::lane_of_thread() + delta);
}

template <class T>
T __shfl_sync(unsigned, T value, int source) {
  return fluvox::emulation::exchange(value,
                                     static_cast<unsigned>(source) % fluvox::emulation::kWarpSize);
}

struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
inline float2 make_float2(float x, float y) { return {x, y}; }

inline float __expf(float a) { return std::exp(a); }
inline float __fdividef(float a, float b) { return a / b; }

// The runtime's functions that device.h and the tests call.
enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInvalidDevice = 101,
  cudaErrorStreamCaptureUnsupported = 900
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2 };
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };
constexpr unsigned cudaStreamNonBlocking = 1;
struct CUgraph_st {
  std::vector<std::function<void()>> launches;
};
struct CUgraphExec_st : CUgraph_st {};
struct CUstream_st {
  CUgraph_st* captured = nullptr;
};
using cudaStream_t = CUstream_st*;
using cudaGraph_t = CUgraph_st*;
using cudaGraphExec_t = CUgraphExec_st*;
struct cudaDeviceProp {
  char name[256];
};

namespace fluvox::emulation {
inline thread_local cudaError_t last_error = cudaSuccess;
inline thread_local bool capturing = false;

inline cudaError_t failed(cudaError_t error) { return last_error = error; }

// What is taken, and how much there is to take: a test may lower it.
inline std::mutex memory_guard;
inline std::size_t memory_bytes = std::numeric_limits<std::size_t>::max();
inline std::size_t memory_taken = 0;
inline std::map<void*, std::size_t> allocations;

// The shared memory that kernels have asked for.
inline std::mutex asked_guard;
inline std::map<const void*, std::size_t> asked;

inline std::size_t allowed_shared(const void* kernel) {
  const std::lock_guard<std::mutex> lock(asked_guard);
  const auto found = asked.find(kernel);
  return found == asked.end() ? kMaxShared : found->second;
}
}  // namespace fluvox::emulation

inline cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute, int bytes) {
  using namespace fluvox::emulation;
  if (bytes < 0 || static_cast<std::size_t>(bytes) > kMaxSharedAsked)
    return last_error = cudaErrorInvalidValue;
  const std::lock_guard<std::mutex> lock(asked_guard);
  asked[kernel] = static_cast<std::size_t>(bytes);
  return cudaSuccess;
}

inline const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration:
      return "cudaErrorInvalidConfiguration";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    case cudaErrorStreamCaptureUnsupported:
      return "cudaErrorStreamCaptureUnsupported";
  }
  return "unrecognized error code";
}

inline const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
  }
  return "unrecognized error code";
}

inline cudaError_t cudaGetLastError() {
  return std::exchange(fluvox::emulation::last_error, cudaSuccess);
}

inline cudaError_t cudaStreamSynchronize(cudaStream_t) {
  using namespace fluvox::emulation;
  return capturing ? failed(cudaErrorStreamCaptureUnsupported) : cudaSuccess;
}
inline cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }

inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new CUstream_st;
  return cudaSuccess;
}

inline cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}

inline cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  stream->captured = new CUgraph_st;
  fluvox::emulation::capturing = true;
  return cudaSuccess;
}

inline cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = std::exchange(stream->captured, nullptr);
  fluvox::emulation::capturing = false;
  return cudaSuccess;
}

inline cudaError_t cudaGraphInstantiate(cudaGraphExec_t* made, cudaGraph_t graph, unsigned) {
  *made = new CUgraphExec_st{*graph};
  return cudaSuccess;
}

inline cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

inline cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  delete graph;
  return cudaSuccess;
}

inline cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t) {
  for (const auto& launch : graph->launches) launch();
  return cudaSuccess;
}

inline cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}

inline cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

inline cudaError_t cudaSetDevice(int device) {
  return device == 0 ? cudaSuccess : fluvox::emulation::failed(cudaErrorInvalidDevice);
}

inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  std::strcpy(properties->name, "emulated on the CPU");
  return cudaSuccess;
}

inline cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  using namespace fluvox::emulation;
  if (capturing) return failed(cudaErrorStreamCaptureUnsupported);
  const std::lock_guard<std::mutex> lock(memory_guard);
  if (bytes > memory_bytes || memory_taken > memory_bytes - bytes)
    return failed(cudaErrorMemoryAllocation);
  *pointer = std::malloc(bytes > 0 ? bytes : 1);
  if (*pointer == nullptr) return failed(cudaErrorMemoryAllocation);
  std::memset(*pointer, kPoison, bytes);
  memory_taken += allocations[*pointer] = bytes;
  return cudaSuccess;
}

inline cudaError_t cudaFree(void* pointer) {
  using namespace fluvox::emulation;
  const std::lock_guard<std::mutex> lock(memory_guard);
  const auto found = allocations.find(pointer);
  if (found != allocations.end()) {
    memory_taken -= found->second;
    allocations.erase(found);
  }
  std::free(pointer);
  return cudaSuccess;
}

inline cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind) {
  if (bytes > 0) std::memcpy(to, from, bytes);
  return cudaSuccess;
}

inline cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes,
                                   cudaMemcpyKind kind, cudaStream_t) {
  using namespace fluvox::emulation;
  if (capturing) return failed(cudaErrorStreamCaptureUnsupported);
  return cudaMemcpy(to, from, bytes, kind);
}

template <class... Parameters>
cudaError_t cudaLaunchKernel(void (*kernel)(Parameters...), dim3 grid, dim3 threads,
                             void** arguments, std::size_t shared_bytes, cudaStream_t stream) {
  // Blocks are one-dimensional here, as the kernels' are.
  const bool fits =
      grid.x > 0 && grid.y == 1 && grid.z == 1 && threads.x > 0 && threads.x <= 1024 &&
      threads.y == 1 && threads.z == 1 &&
      shared_bytes <= fluvox::emulation::allowed_shared(reinterpret_cast<const void*>(kernel));
  if (!fits) return fluvox::emulation::last_error = cudaErrorInvalidConfiguration;
  const auto copied = [&]<std::size_t... I>(std::index_sequence<I...>) {
    return std::tuple<Parameters...>(*static_cast<Parameters*>(arguments[I])...);
  }
  (std::index_sequence_for<Parameters...>{});
  const auto run = [=] {
    fluvox::emulation::run_grid(grid, threads, shared_bytes, [&] { std::apply(kernel, copied); });
  };
  if (stream != nullptr && stream->captured != nullptr)
    stream->captured->launches.push_back(run);
  else
    run();
  return cudaSuccess;
}
