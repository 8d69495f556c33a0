// Errors are exceptions that say what was expected, what was found, where, and what to do.
// A library throws them; main catches once and maps the fault to the exit code.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace fluvox {

// Whose fault it is; the value is the exit code of the program.
enum class Fault { usage = 2, input = 3, device = 4, io = 5 };

class Error : public std::runtime_error {
 public:
  // `code` is stable, lower-case and hyphenated ("wav-truncated"): scripts match on it.
  Error(Fault fault, std::string code, const std::string& message)
      : std::runtime_error(message), fault_(fault), code_(std::move(code)) {}

  Fault fault() const { return fault_; }
  const std::string& code() const { return code_; }
  int exit_code() const { return static_cast<int>(fault_); }

 private:
  Fault fault_;
  std::string code_;
};

// text("read ", 3, " of ", 4) == "read 3 of 4"
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  out.exceptions(std::ios::badbit);  // else want of memory would leave half a sentence
  (out << ... << parts);
  return out.str();
}

}  // namespace fluvox
