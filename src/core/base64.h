// Base64 (RFC 4648, section 4): bytes as text, for where only text can go.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fluvox {

std::string to_base64(std::span<const std::byte> bytes);

// Takes the one spelling that to_base64 gives: padded, without line breaks, unused bits zero.
// `where` starts the message of a refusal.
std::vector<std::byte> from_base64(std::string_view text, const std::string& where);

}  // namespace fluvox
