// Which processor renders: --device cpu, cuda, cuda:N or auto.
#pragma once

#include <string>

#include "runtime/session.h"

namespace fluvox::cli {

// The session's options for `device` and `precision` (fp32, bf16, fp16). A GPU that is asked for
// and not there is an error that says what is missing; auto takes the CPU where there is none, or
// where the model has a part that no GPU can take.
runtime::SessionOptions options_for(const std::string& device, const std::string& precision,
                                    int threads);

}  // namespace fluvox::cli
