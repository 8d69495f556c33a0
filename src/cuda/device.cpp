#include "cuda/device.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "cuda/gpus.h"
#include "cuda/sampler.h"
#include "kernels/status.h"

namespace fluvox::cuda {
namespace {

constexpr std::string_view kNumbered = "cuda:";

// The number of the GPU that `device` asks for; nothing for the CPU.
std::optional<int> gpu_of(const std::string& device) {
  if (device == "cpu") return {};
  if (device == "auto" || device == "cuda") return 0;
  int number = -1;
  if (device.starts_with(kNumbered)) {
    const char* end = device.data() + device.size();
    const auto read = std::from_chars(device.data() + kNumbered.size(), end, number);
    if (read.ec != std::errc() || read.ptr != end) number = -1;
  }
  if (number < 0)
    throw Error(Fault::usage, "usage",
                text("--device: expected cpu, cuda, cuda:N or auto, found ", device));
  return number;
}

// A GPU that is not there is refused before anything is read.
std::optional<int> available(const std::string& device) {
  const std::optional<int> number = gpu_of(device);
  if (!number) return {};
  const Gpus gpus = find_gpus();
  const auto count = static_cast<int>(gpus.names.size());
  if (*number < count) return number;
  if (device == "auto") return {};
  throw Error(Fault::device, "gpu-missing",
              text("--device ", device, ": ",
                   count == 0 ? "no GPU: " + gpus.missing
                              : text("expected one of the ", count, " GPUs from cuda:0 on"),
                   "; --device cpu renders without one"));
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
