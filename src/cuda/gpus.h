// The GPUs of this machine.
#pragma once

#include <string>
#include <vector>

namespace fluvox::cuda {

struct Gpus {
  std::vector<std::string> names;  // by number
  std::string missing;             // where there is none: why, and what to do
};
Gpus find_gpus();

}  // namespace fluvox::cuda
