// An input as a file, for readers that take a path. It lies in memory and has no name in any
// folder, so nothing is left behind by a program that is killed.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "core/output.h"

namespace fluvox::fuzz {

class InputFile {
 public:
  explicit InputFile(std::string_view content) : fd_(::memfd_create("input", MFD_CLOEXEC)) {
    write_fully(fd_, std::as_bytes(std::span(content)), "an input of the fuzzer");
  }
  ~InputFile() { ::close(fd_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

}  // namespace fluvox::fuzz
