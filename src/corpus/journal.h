// What was found in each file of a corpus, kept from run to run: a line a file, appended when the
// file is done. A line is there whole or ignored.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "core/config.h"

namespace fluvox::corpus {

class Journal {
 public:
  explicit Journal(const std::filesystem::path& path);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  const Json* find(const std::string& key) const;
  void add(const std::string& key, const Json& found);

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  std::map<std::string, Json> known_;
};

}  // namespace fluvox::corpus
