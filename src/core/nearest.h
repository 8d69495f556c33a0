// The word a person probably meant: edit distance over a short list of candidates.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace fluvox {

// The candidate closest to `word`, or "" when none is close enough to be a slip of the fingers.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

// " (did you mean 'x'?)" or "": to append to an error message.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

}  // namespace fluvox
