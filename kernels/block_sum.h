// A sum over the threads of a block, by a tree of one shape. For .cu files.
#pragma once

#include "kernels/device.h"

namespace fluvox::kernels {
namespace {

// All threads call it; thread 0 has the sum. `sums` is shared, with room for kThreads, a power of
// two; before it is used for anything else the block must meet at a barrier.
template <unsigned kThreads>
__device__ double block_sum(double mine, double* sums) {
  sums[threadIdx.x] = mine;
  for (unsigned half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  return sums[0];
}

}  // namespace
}  // namespace fluvox::kernels
