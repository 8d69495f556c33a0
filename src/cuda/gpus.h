// The GPUs of this machine.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace fluvox::cuda {

struct Gpus {
  std::vector<std::string> names;  // by number
  std::string missing;             // where there is none: why, and what to do
};
Gpus find_gpus();

// The most bytes that this process had on its GPUs at once, weights and arrays, since it began or
// since reset_peak_bytes(). What CUDA takes for itself is not among them.
size_t peak_bytes();
void reset_peak_bytes();

}  // namespace fluvox::cuda
