// What .cu files need beyond plain CUDA: the checked launch, and shared memory. The only place for
// launches and inline PTX.
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
#include <cstdio>
#include <initializer_list>
#include <type_traits>

#include "kernels/status.h"

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

// The arguments are converted to the kernel's own parameter types. Nothing to do (no blocks) is
// well.
template <class... Parameters>
Status launch(const LaunchShape& shape, Stream stream, std::initializer_list<Extent> extents,
              void (*kernel)(Parameters...), std::type_identity_t<Parameters>... arguments) {
  if (shape.blocks <= 0) return {};
  if (shape.blocks > 0x7fffffff)
    return launch_failure(shape, extents, cudaErrorInvalidConfiguration);
  void* pointers[] = {static_cast<void*>(&arguments)...};
  cudaError_t error = cudaLaunchKernel(kernel, dim3(static_cast<unsigned>(shape.blocks)),
                                       dim3(shape.threads), pointers, shape.shared_bytes, stream);
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
#endif

}  // namespace fluvox::kernels
