// TOML into the JSON that configurations are read from (core/config.h). Dates and numbers that are
// not finite are refused: no setting takes them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "core/config.h"

namespace fluvox {

// `where` names the source in messages: "settings.toml:3:14: ...".
Json parse_toml(std::string_view source, const std::string& where);

Json read_toml(const std::filesystem::path& path);

// "train.rate=1e-4", "steps.3.channels=8", "name=abc": sets one value, making the tables on its
// way. The value is TOML; what is none is taken as a plain string. A number steps into a list.
void set_value(Json& json, std::string_view assignment);

}  // namespace fluvox
