#include "cuda/gpus.h"

#include "core/error.h"
#include "kernels/device_memory.h"

namespace fluvox::cuda {

Gpus find_gpus() {
  int count = 0;
  const kernels::Status status = kernels::device_count(&count);
  if (!status.ok()) return {{}, text("no driver answers (", status.message, "): install NVIDIA's")};
  Gpus gpus;
  for (int device = 0; device < count; ++device) {
    char name[256];
    gpus.names.emplace_back(kernels::device_name(device, name).ok() ? name : "unknown");
  }
  if (count == 0) gpus.missing = "the driver knows no card";
  return gpus;
}

}  // namespace fluvox::cuda
