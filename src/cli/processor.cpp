#include "cli/processor.h"

#include "cuda/device.h"

namespace fluvox::cli {

runtime::SessionOptions options_for(const std::string& device, const std::string& precision,
                                    int threads) {
  runtime::SessionOptions options;
  options.threads = threads;
  auto there = cuda::Precision::fp32;
  if (precision == "bf16") {
    options.precision = net::Precision::bf16;
    there = cuda::Precision::bf16;
  } else if (precision == "fp16") {
    there = cuda::Precision::fp16;
  }
  options.sampler = cuda::sampler_on(device, there);
  return options;
}

}  // namespace fluvox::cli
