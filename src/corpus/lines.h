// Lists in files: lines and their parts, as corpora have them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace fluvox::corpus {

// Without line ends, a byte order mark and empty lines. At most 256 MiB.
std::vector<std::string> lines_of(const std::filesystem::path& path);

// "a|b|" at '|' is a, b and nothing.
std::vector<std::string> split_at(const std::string& line, char separator);
// Two parts, at the first run of the separator (and of tabs, where that is a space); one where it
// is not there.
std::vector<std::string> split_once(const std::string& line, char separator);
std::vector<std::string> split_words(const std::string& line);

}  // namespace fluvox::corpus
