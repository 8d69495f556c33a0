// Counts the matrix products that LibTorch runs: how many, and their multiply-adds. So a network
// call in a loop is seen, whichever network it is, and the cost of a model is what runs, not what
// a formula says would.
#pragma once

#include <cstdint>
#include <functional>

namespace fluvox::likelihood {

struct Work {
  int64_t products = 0;  // convolutions and matrix products
  int64_t multiply_adds = 0;
};

// Of what `task` runs on this thread.
Work work_of(const std::function<void()>& task);

}  // namespace fluvox::likelihood
