// Writing bytes to an open file to the last one, and to stdout, which carries data only.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace fluvox {

// The reader of our pipe is gone. No error: the program ends quietly. Not a std::exception, so
// that a handler for one failed item does not take it for the item's fault.
struct ClosedPipe {};

// Writes everything to the descriptor `fd` or throws: ClosedPipe, or Error(Fault::io) naming
// `what`.
void write_fully(int fd, std::span<const std::byte> bytes, const std::string& what);

void write_stdout(std::span<const std::byte> bytes);
void write_stdout(std::string_view text);

}  // namespace fluvox
