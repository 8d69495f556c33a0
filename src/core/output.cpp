#include "core/output.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace fluvox {

void write_fully(int fd, std::span<const std::byte> bytes, const std::string& what) {
  // Linux writes at most 2^31 - 4096 bytes a call.
  constexpr size_t kMost = size_t{1} << 30;
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), std::min(bytes.size(), kMost));
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno == EPIPE) throw ClosedPipe{};
      const bool full = errno == ENOSPC || errno == EDQUOT;
      throw Error(Fault::io, full ? "disk-full" : "write-failed",
                  text("cannot write to ", what, ": ", std::strerror(errno),
                       full ? "; free some space or choose another place"
                            : "; check the disk and the limits on file sizes"));
    }
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void write_stdout(std::span<const std::byte> bytes) {
  write_fully(STDOUT_FILENO, bytes, "standard output");
}

void write_stdout(std::string_view text) { write_stdout(std::as_bytes(std::span(text))); }

}  // namespace fluvox
