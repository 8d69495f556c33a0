#include "core/log.h"

#include <atomic>
#include <cstdio>
#include <mutex>

namespace fluvox {
namespace {

std::atomic<Level> threshold{Level::info};
std::mutex guard;
std::string status;

const char* prefix(Level level) {
  switch (level) {
    case Level::error:
      return "error: ";
    case Level::warning:
      return "warning: ";
    case Level::info:
      return "";
    case Level::debug:
      return "debug: ";
  }
  return "";
}

// One write for the whole text, so that lines of several processes do not mix. A stderr that
// cannot be written to is no reason to stop.
void put(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

const char* const kWipe = "\r\033[K";

}  // namespace

void set_log_level(Level level) { threshold = level; }

Level log_level() { return threshold; }

void log(Level level, const std::string& message) {
  if (level > threshold.load()) return;
  const std::string line = prefix(level) + printable(message) + "\n";
  const std::lock_guard lock(guard);
  put(status.empty() ? line : kWipe + line + status);
}

void set_status_line(const std::string& line) {
  const std::lock_guard lock(guard);
  if (line == status) return;
  status = line;
  put(kWipe + status);
}

std::string printable(const std::string& foreign) {
  std::string clean = foreign;
  for (char& c : clean) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f) c = '?';
  }
  return clean;
}

}  // namespace fluvox
