// A file that is read, whole or at the places that are asked for. More than max_bytes is refused
// before memory is taken for it. One that is cut short while it is open is an error, where a
// mapping would end the program.
//
//   const InputFile file("speech.npy", size_t{8} << 30);
//   if (file.regular()) file.read(offset, bytes);   // of a pipe only content() can be had
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace fluvox {

class InputFile {
 public:
  InputFile(const std::filesystem::path& path, size_t max_bytes);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  bool regular() const { return regular_; }
  size_t size() const { return size_; }  // of a regular file, when it was opened
  // From any number of threads.
  void read(size_t offset, std::span<std::byte> to) const;
  // All that there is, once.
  std::string content();

 private:
  [[noreturn]] void fail(int code) const;
  [[noreturn]] void too_large() const;

  std::filesystem::path path_;
  size_t max_bytes_, size_ = 0;
  bool regular_ = false;
  int fd_ = -1;
};

}  // namespace fluvox
