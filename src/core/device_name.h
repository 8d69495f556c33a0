// The names that people give processors: "cpu", "cuda", "cuda:N" for the N-th GPU, or "auto", a GPU
// where there is one.
#pragma once

#include <optional>
#include <string>

#include "core/error.h"

namespace fluvox {

// The number of the GPU that such a name asks for, the first one where it names none; nothing for
// the CPU. Anything else is an error that lists them.
std::optional<int> gpu_of(const std::string& device);

// That the GPU asked for is not one of `count`; `missing`: why there is none at all; `does`: what
// the CPU does without one.
Error no_gpu(const std::string& device, int count, const std::string& missing,
             const std::string& does);

}  // namespace fluvox
