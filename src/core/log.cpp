#include "core/log.h"

#include <atomic>
#include <cstdio>
#include <mutex>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace fluvox {
namespace {

std::atomic<Level> threshold{Level::info};
std::atomic<bool> as_json{false};
std::mutex guard;
std::string status;

const char* name(Level level) {
  switch (level) {
    case Level::error:
      return "error";
    case Level::warning:
      return "warning";
    case Level::info:
      return "info";
    case Level::debug:
      return "debug";
  }
  return "";
}

// One write for the whole text, so that lines of several processes do not mix. A stderr that
// cannot be written to is no reason to stop.
void put(const std::string& bytes) {
  std::fwrite(bytes.data(), 1, bytes.size(), stderr);
  std::fflush(stderr);
}

const char* const kWipe = "\r\033[K";

}  // namespace

void set_log_level(Level level) { threshold = level; }

Level log_level() { return threshold; }

void set_log_json(bool on) { as_json = on; }

void log(Level level, const std::string& message) {
  if (level > threshold.load()) return;
  if (as_json) {
    const nlohmann::ordered_json event = {
        {"event", "log"}, {"level", name(level)}, {"message", message}};
    return put_line(event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  const std::string prefix = level == Level::info ? "" : text(name(level), ": ");
  put_line(prefix + printable(message));
}

void put_line(const std::string& line) {
  const std::lock_guard lock(guard);
  put(status.empty() ? line + "\n" : kWipe + line + "\n" + status);
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
