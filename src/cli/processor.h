// Which processor renders, and in what: the flags --device, --precision and --threads.
#pragma once

#include <string>

#include "runtime/session.h"

namespace fluvox::cli {

// The session's options for `device` (cuda/device.h) and `precision` (fp32, bf16, fp16).
runtime::SessionOptions options_for(const std::string& device, const std::string& precision,
                                    int threads);

}  // namespace fluvox::cli
