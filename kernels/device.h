// What .cu files need beyond plain CUDA: the checked launch, shared memory, copies in the
// background and the tensor cores. The only place for launches and inline PTX.
//
// A kernel is launched by
//   launch({"gate", blocks_for(n, 128), 128}, stream, {{"rows", rows}, {"channels", channels}},
//          gate_kernel, arguments...);
// and an error names the kernel, these shapes, the launch and the device.
//
// The sources also compile as C++ with FLUVOX_EMULATION, to run on the CPU in the tests. For that,
// shared memory is taken with shared_memory<T>() only and its bytes are named in the launch.
#pragma once

#if defined(FLUVOX_EMULATION)
#include "emulation/cuda_emulation.h"
#else
#include <cuda_runtime.h>
#endif

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <type_traits>

#include "kernels/status.h"
#include "kernels/storage.h"

// Before a loop over registers: they can only be named, not counted.
#if defined(FLUVOX_EMULATION)
#define FLUVOX_UNROLLED
#else
#define FLUVOX_UNROLLED _Pragma("unroll")
#endif

namespace fluvox::kernels {

struct LaunchShape {
  const char* kernel;
  std::ptrdiff_t blocks;
  unsigned threads;  // of a block
  std::size_t shared_bytes = 0;
};

struct Extent {
  const char* name;
  long long size;
};

inline std::ptrdiff_t blocks_for(std::ptrdiff_t count, std::ptrdiff_t per_block) {
  return (count + per_block - 1) / per_block;
}

inline Status launch_failure(const LaunchShape& shape, std::initializer_list<Extent> extents,
                             cudaError_t error) {
  Status status;
  std::size_t used = 0;
  const auto add = [&](const char* format, auto... values) {
    const int length =
        std::snprintf(status.message + used, sizeof status.message - used, format, values...);
    if (length > 0) used += static_cast<std::size_t>(length);
    if (used >= sizeof status.message) used = sizeof status.message - 1;
  };
  add("CUDA kernel %s (", shape.kernel);
  for (const Extent& extent : extents) add("%s %lld, ", extent.name, extent.size);
  add("%td blocks of %u threads, %zu bytes shared) failed", shape.blocks, shape.threads,
      shape.shared_bytes);
  int device = -1;
  cudaDeviceProp properties;
  if (cudaGetDevice(&device) == cudaSuccess &&
      cudaGetDeviceProperties(&properties, device) == cudaSuccess)
    add(" on device %d, %s", device, properties.name);
  add(": %s (%s)", cudaGetErrorString(error), cudaGetErrorName(error));
  if (!synchronous_launches)
    add(". An earlier kernel may be at fault: FLUVOX_CUDA_SYNC=1 names the right one");
  return status;
}

constexpr std::size_t kSharedUnasked = 48 * 1024;  // a kernel that takes more must say so first

// The arguments are converted to the kernel's own parameter types. Nothing to do (no blocks) is
// well.
template <class... Parameters>
Status launch(const LaunchShape& shape, Stream stream, std::initializer_list<Extent> extents,
              void (*kernel)(Parameters...), std::type_identity_t<Parameters>... arguments) {
  if (shape.blocks <= 0) return {};
  if (shape.blocks > 0x7fffffff)
    return launch_failure(shape, extents, cudaErrorInvalidConfiguration);
  void* pointers[] = {static_cast<void*>(&arguments)...};
  cudaError_t error = cudaSuccess;
  if (shape.shared_bytes > kSharedUnasked)
    error = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                 cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(shape.shared_bytes));
  if (error == cudaSuccess)
    error = cudaLaunchKernel(kernel, dim3(static_cast<unsigned>(shape.blocks)), dim3(shape.threads),
                             pointers, shape.shared_bytes, stream);
  // Also clears the error, so that the next launch does not report this one's.
  const cudaError_t pending = cudaGetLastError();
  if (error == cudaSuccess) error = pending;
  if (error == cudaSuccess && synchronous_launches) error = cudaStreamSynchronize(stream);
  return error == cudaSuccess ? Status{} : launch_failure(shape, extents, error);
}

#if defined(__CUDACC__) || defined(FLUVOX_EMULATION)
// The block's shared memory, aligned to 16 bytes.
template <class T>
__device__ T* shared_memory() {
#if defined(FLUVOX_EMULATION)
  return static_cast<T*>(emulation::shared_memory());
#else
  extern __shared__ __align__(16) unsigned char fluvox_shared_bytes[];
  return reinterpret_cast<T*>(fluvox_shared_bytes);
#endif
}

#if !defined(FLUVOX_EMULATION)
__device__ inline unsigned shared_address(const void* p) {
  return static_cast<unsigned>(__cvta_generic_to_shared(p));
}
#endif

// 16 bytes from global to shared memory, in the background; zeros where not `valid`, and then
// nothing is read. Both addresses are multiples of 16. The copies of a thread between two commits
// are a group; wait<n> waits until all groups but the last n have landed. Other threads see them
// after a barrier behind that.
__device__ inline void copy_async(void* shared, const void* global, bool valid) {
#if defined(FLUVOX_EMULATION)
  emulation::copy_async(shared, global, valid);
#else
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(shared_address(shared)),
               "l"(global), "r"(valid ? 16 : 0));
#endif
}

__device__ inline void copy_async_commit() {
#if defined(FLUVOX_EMULATION)
  emulation::copy_async_commit();
#else
  asm volatile("cp.async.commit_group;\n" ::: "memory");
#endif
}

template <int kPending>
__device__ void copy_async_wait() {
#if defined(FLUVOX_EMULATION)
  emulation::copy_async_wait(kPending);
#else
  asm volatile("cp.async.wait_group %0;\n" ::"n"(kPending) : "memory");
#endif
}

// Four matrices of 8 x 8 numbers of 16 bits from shared memory. Lane 8 m + r hands in where row r
// of matrix m stands (8 numbers, 16 bytes, aligned); in a[m] it gets the numbers 2 (lane % 4) and
// the next one of row lane / 4, the first in the lower half.
__device__ inline void load_matrices(std::uint32_t (&a)[4], const void* row) {
#if defined(FLUVOX_EMULATION)
  emulation::load_matrices(a, row, false);
#else
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(a[0]), "=r"(a[1]), "=r"(a[2]), "=r"(a[3])
               : "r"(shared_address(row))
               : "memory");
#endif
}

// The same, each matrix transposed: the lane gets rows 2 (lane % 4) and the next one of column
// lane / 4.
__device__ inline void load_matrices_transposed(std::uint32_t (&a)[4], const void* row) {
#if defined(FLUVOX_EMULATION)
  emulation::load_matrices(a, row, true);
#else
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(a[0]), "=r"(a[1]), "=r"(a[2]), "=r"(a[3])
               : "r"(shared_address(row))
               : "memory");
#endif
}

// sums [16][8] += a [16][16] b [16][8] on the tensor cores, all spread over a warp. With
// g = lane / 4 and t = lane % 4 a lane holds, of pairs of numbers the first in the lower half:
//   a[0]: row g, columns 2 t and 2 t + 1     a[1]: row g + 8     a[2], a[3]: columns 8 further
//   b0: column g, rows 2 t and 2 t + 1       b1: rows 8 further
//   sums[0], sums[1]: row g, columns 2 t and 2 t + 1     sums[2], sums[3]: row g + 8
template <class T>
__device__ void multiply_add(float (&sums)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                             std::uint32_t b1) {
#if defined(FLUVOX_EMULATION)
  emulation::multiply_add(sums, a, b0, b1, [](std::uint16_t bits) { return to_float(T{bits}); });
#else
  static_assert(std::is_same_v<T, Bf16> || std::is_same_v<T, Half>);
  if constexpr (std::is_same_v<T, Bf16>)
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\n"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  else
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\n"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#endif
}

// Two neighbours as they lie in memory, rounded to nearest: the first in the lower half.
template <class T>
__device__ std::uint32_t pair_of(float first, float second) {
#if defined(FLUVOX_EMULATION)
  return stored<T>(first).bits | std::uint32_t{stored<T>(second).bits} << 16;
#else
  static_assert(std::is_same_v<T, Bf16> || std::is_same_v<T, Half>);
  std::uint32_t pair;
  if constexpr (std::is_same_v<T, Bf16>)
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;\n" : "=r"(pair) : "f"(second), "f"(first));
  else
    asm("cvt.rn.f16x2.f32 %0, %1, %2;\n" : "=r"(pair) : "f"(second), "f"(first));
  return pair;
#endif
}
#endif

}  // namespace fluvox::kernels
