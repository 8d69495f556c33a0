#include "core/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/signals.h"

namespace fluvox {

InputFile::InputFile(const std::filesystem::path& path, size_t max_bytes)
    : path_(path), max_bytes_(max_bytes) {
  fd_ = open_file(path, O_RDONLY | O_CLOEXEC);  // that of a pipe waits for its writer
  if (fd_ < 0) fail(errno);
  try {
    struct stat found {};
    if (::fstat(fd_, &found) != 0) fail(errno);
    regular_ = S_ISREG(found.st_mode);
    size_ = static_cast<size_t>(regular_ ? found.st_size : 0);
    if (size_ > max_bytes_) too_large();
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

InputFile::~InputFile() { ::close(fd_); }

void InputFile::fail(int code) const {
  const bool absent = code == ENOENT || code == ENOTDIR || code == ENAMETOOLONG;
  const bool barred = code == EISDIR || code == EACCES || code == EPERM;
  throw Error(absent || barred ? Fault::input : Fault::io, absent ? "file-missing" : "read-failed",
              text("cannot read ", path_.string(), ": ", std::strerror(code)));
}

void InputFile::too_large() const {
  throw Error(Fault::input, "file-too-large",
              text(path_.string(), " holds more than the ", max_bytes_, " bytes allowed here"));
}

void InputFile::read(size_t offset, std::span<std::byte> to) const {
  while (!to.empty()) {
    const ssize_t count = ::pread(fd_, to.data(), to.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) {
      throw_if_interrupted();
      continue;
    }
    if (count < 0) fail(errno);
    if (count == 0)
      throw Error(Fault::input, "file-cut-short",
                  text(path_.string(), ": expected the ", size_,
                       " bytes that it had when it was opened, found its end at ", offset,
                       ": it was written to while it was read; try again once it is whole"));
    to = to.subspan(static_cast<size_t>(count));
    offset += static_cast<size_t>(count);
  }
}

std::string InputFile::content() {
  std::string content;
  content.reserve(size_);
  std::array<char, 1 << 16> block;
  while (true) {
    const ssize_t count = ::read(fd_, block.data(), block.size());
    if (count < 0 && errno == EINTR) {
      throw_if_interrupted();
      continue;
    }
    if (count < 0) fail(errno);
    if (count == 0) return content;
    if (static_cast<size_t>(count) > max_bytes_ - content.size()) too_large();
    content.append(block.data(), static_cast<size_t>(count));
  }
}

}  // namespace fluvox
