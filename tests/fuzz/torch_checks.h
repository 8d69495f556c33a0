// All that the import does with a file of torch.save.
#pragma once

#include <string>
#include <utility>

#include "core/error.h"
#include "import/convert.h"
#include "import/torch_mel.h"

namespace fluvox::fuzz {

// As the seeds have it: one band, 16 samples a frame.
inline imports::ConvertOptions small_options() {
  imports::ConvertOptions options;
  options.convention.bands = 1;
  options.convention.hop = 16;
  return options;
}

inline void import_all(const std::string& content) {
  bool mel = true;
  try {
    imports::parse_torch_mel(content, "input");
  } catch (const Error&) {
    mel = false;
  }
  try {
    imports::Checkpoint checkpoint(imports::TorchFile(content, "input"));
    checkpoint.progress();
    checkpoint.config();
    imports::convert(checkpoint, small_options());
  } catch (const Error&) {
    if (!mel) throw;
  }
}

}  // namespace fluvox::fuzz
