// What a file of PyTorch holds, told by the names of its tensors.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "import/value.h"

namespace fluvox::imports {

// WaveGlow and SqueezeWave both have it.
inline constexpr const char* kFirstOfEveryModel = "convinv.0.conv.weight";

// What stands before kFirstOfEveryModel: "", "module."; nothing where it is absent.
std::optional<std::string> prefix_of_model(const std::vector<std::string>& names);

// The rest of a refusal: "it looks like a Tacotron 2", or what the names or the value are.
std::string looks_like(const std::vector<std::string>& names);
std::string looks_like(const Value& root);

}  // namespace fluvox::imports
