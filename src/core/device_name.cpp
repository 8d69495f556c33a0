#include "core/device_name.h"

#include <charconv>
#include <string_view>

namespace fluvox {

std::optional<int> gpu_of(const std::string& device) {
  constexpr std::string_view kNumbered = "cuda:";
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

Error no_gpu(const std::string& device, int count, const std::string& missing,
             const std::string& does) {
  return Error(Fault::device, "gpu-missing",
               text("--device ", device, ": ",
                    count == 0 ? "no GPU: " + missing
                               : text("expected one of the ", count, " GPUs from cuda:0 on"),
                    "; --device cpu ", does, " without one"));
}

}  // namespace fluvox
