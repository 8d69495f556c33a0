#include "train/device.h"

#include <cstdlib>

#include "core/device_name.h"

namespace fluvox::train {

torch::Device device_of(const std::string& name) {
  std::optional<int> number = gpu_of(name);
#if defined(FLUVOX_OPS_CUDA)
  const int found = torch::cuda::is_available() ? static_cast<int>(torch::cuda::device_count()) : 0;
  const std::string missing = "LibTorch sees none here";
#else
  const int found = 0;
  const std::string missing =
      "this fluvox-train was built without CUDA; build it with -DFLUVOX_CUDA=ON where nvcc is, and "
      "with a LibTorch for CUDA";
#endif
  if (!number || (name == "auto" && found == 0)) return torch::kCPU;
  const char* rank = std::getenv("LOCAL_RANK");
  const bool ranked = rank != nullptr && name.find(':') == std::string::npos;
  if (ranked) number = gpu_of(text("cuda:", rank));
  if (*number >= found)
    throw no_gpu(ranked ? text(name, ", LOCAL_RANK=", rank) : name, found, missing, "trains");
  return torch::Device(torch::kCUDA, static_cast<torch::DeviceIndex>(*number));
}

}  // namespace fluvox::train
