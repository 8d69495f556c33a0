// All that the import does with a file of torch.save.
#pragma once

#include <string>
#include <utility>

#include "core/error.h"
#include "import/convert.h"
#include "import/torch_mel.h"

namespace fluvox::fuzz {

inline void import_all(const std::string& content) {
  try {
    imports::parse_torch_mel(content, "input");
  } catch (const Error&) {
    // no mel
  }
  imports::Checkpoint checkpoint(imports::TorchFile(content, "input"));
  checkpoint.progress();
  checkpoint.config();
  imports::convert(checkpoint, {});
}

}  // namespace fluvox::fuzz
