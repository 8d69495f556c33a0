// Where a run works: "cpu", "cuda", "cuda:N" for the N-th GPU, or "auto": a GPU where there is one.
// Of several processes on a machine each takes a GPU of its own when told "cuda", by torchrun's
// LOCAL_RANK.
#pragma once

#include <torch/torch.h>

#include <string>

namespace fluvox::train {

torch::Device device_of(const std::string& name);

}  // namespace fluvox::train
