// JSON out of files that nobody vouches for: bounded in length, depth and names, and without a name
// given twice in one object (readers disagree on which counts). Not for the bulk of data: the whole
// tree is built.
#pragma once

#include <string>
#include <string_view>

#include "core/config.h"

namespace fluvox {

// `where` starts the message of a refusal.
Json parse_json(std::string_view source, const std::string& where);

// As JSON spells it, in quotes, without control characters and cut short: a name from a file, for a
// message.
std::string in_quotes(std::string_view name);

}  // namespace fluvox
