// What a CUDA launch hands back: kernels throw nothing, callers turn this into an Error.
#pragma once

#include <atomic>

struct CUstream_st;

namespace fluvox::kernels {

// A cudaStream_t, without CUDA's headers. nullptr is the default stream.
using Stream = CUstream_st*;

struct Status {
  char message[384] = "";  // empty: all is well. Else kernel, shapes, device and CUDA's reason
  bool ok() const { return message[0] == '\0'; }
};

// The debugging switch FLUVOX_CUDA_SYNC: every launch waits for its kernel, so that a fault is
// reported by the launch that made it. Set by the program; kernels read no environment.
inline std::atomic<bool> synchronous_launches{false};

}  // namespace fluvox::kernels
