// The container of torch.save before 1.6, and of _use_new_zipfile_serialization=False ever since.
// It carries no checksum, so all that it says twice is compared.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "import/value.h"

namespace fluvox::imports {

struct LegacyContainer {
  Tree tree;
  std::map<std::string, std::string_view, std::less<>> storages;  // by key
};

LegacyContainer read_legacy(std::string_view file, const std::string& where);

}  // namespace fluvox::imports
