#include "cuda/device.h"

#include <cstdlib>
#include <cstring>
#include <optional>

#include "core/device_name.h"
#include "core/error.h"
#include "cuda/gpus.h"
#include "cuda/sampler.h"
#include "kernels/status.h"

namespace fluvox::cuda {
namespace {

// A GPU that is not there is refused before anything is read.
std::optional<int> available(const std::string& device) {
  const std::optional<int> number = gpu_of(device);
  if (!number) return {};
  const Gpus gpus = find_gpus();
  const auto count = static_cast<int>(gpus.names.size());
  if (*number < count) return number;
  if (device == "auto") return {};
  throw no_gpu(device, count, gpus.missing, "renders");
}

}  // namespace

SamplerMaker sampler_on(const std::string& device, Precision precision) {
  const std::optional<int> number = available(device);
  if (!number) {
    if (precision == Precision::fp16)
      throw Error(Fault::usage, "usage",
                  "precision fp16 is of GPUs: expected fp32 or bf16 on the CPU");
    return {};
  }
  const char* synchronous = std::getenv("FLUVOX_CUDA_SYNC");
  kernels::synchronous_launches = synchronous != nullptr && std::strcmp(synchronous, "0") != 0;
  const bool may_be_cpu = device == "auto" && precision != Precision::fp16;
  return [how = Options{*number, precision}, may_be_cpu](
             const flow::Model& model,
             const flow::ConditionShape& shape) -> std::unique_ptr<flow::Sampler> {
    try {
      return make_sampler(model, shape, how);
    } catch (const Error& error) {
      if (!may_be_cpu || error.code() != "cuda-part-missing") throw;
      return nullptr;
    }
  };
}

}  // namespace fluvox::cuda
