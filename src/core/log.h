// Messages for people, on stderr only: stdout carries data.
//
// A message above the level is dropped. The status line (a progress bar) stays below the messages:
// it is wiped before one is written and drawn again after it. Safe to call from any thread.
#pragma once

#include <string>

namespace fluvox {

enum class Level { error, warning, info, debug };

void set_log_level(Level level);
Level log_level();

void log(Level level, const std::string& message);
inline void warn(const std::string& message) { log(Level::warning, message); }
inline void info(const std::string& message) { log(Level::info, message); }
inline void debug(const std::string& message) { log(Level::debug, message); }

// Messages as JSON lines, {"event":"log","level":"warning","message":".."}, so that all of stderr
// can be read by a program.
void set_log_json(bool on);

// A line as it is, whatever the level: for events that are JSON already.
void put_line(const std::string& line);

// The line that stays at the bottom of a terminal; "" removes it.
void set_status_line(const std::string& line);

// The text with control characters replaced by '?', newlines and tabs kept: file names and model
// texts are foreign, and must not steer the terminal.
std::string printable(const std::string& foreign);

}  // namespace fluvox
