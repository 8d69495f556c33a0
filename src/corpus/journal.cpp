#include "corpus/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <sstream>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/output.h"
#include "core/strict_json.h"

namespace fluvox::corpus {

Journal::Journal(const std::filesystem::path& path) : path_(path) {
  constexpr size_t kMostBytes = size_t{1} << 30;
  bool whole = true;
  if (std::error_code ignored; std::filesystem::exists(path, ignored)) {
    std::istringstream lines(read_file(path, kMostBytes));
    lines.exceptions(std::ios::badbit);  // want of memory is not the end
    for (std::string line; std::getline(lines, line); whole = !lines.eof()) {
      try {
        const Json json = parse_json(line, path.string());
        known_[json.at("key").get<std::string>()] = json.at("found");
      } catch (const Error&) {
        // The end of a run that was killed.
      } catch (const Json::exception&) {
      }
    }
  }
  fd_ = open_file(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd_ < 0)
    throw Error(Fault::io, "write-failed",
                text("cannot open ", path.string(), ": ", std::strerror(errno)));
  if (!whole) write_fully(fd_, std::as_bytes(std::span("\n", 1)), path_.string());
}

Journal::~Journal() { ::close(fd_); }

const Json* Journal::find(const std::string& key) const {
  const auto found = known_.find(key);
  return found == known_.end() ? nullptr : &found->second;
}

void Journal::add(const std::string& key, const Json& found) {
  const std::string line =
      Json{{"key", key}, {"found", found}}.dump(-1, ' ', false, Json::error_handler_t::replace) +
      "\n";
  write_fully(fd_, std::as_bytes(std::span(line)), path_.string());
}

}  // namespace fluvox::corpus
