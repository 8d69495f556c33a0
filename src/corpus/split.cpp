#include "corpus/split.h"

#include <map>

#include "core/error.h"
#include "core/sha256.h"

namespace fluvox::corpus {

std::set<std::string> held_out(const std::set<std::string>& names, size_t count, uint64_t seed) {
  std::map<std::string, std::string> by_hash;
  for (const std::string& name : names) by_hash[sha256_hex(text(seed, ":", name))] = name;
  std::set<std::string> first;
  for (const auto& [hash, name] : by_hash)
    if (first.size() < count) first.insert(name);
  return first;
}

std::string speaker_in(const std::string& name) {
  const size_t end = name.find("__");
  return end == name.npos ? "" : name.substr(0, end);
}

}  // namespace fluvox::corpus
