// Files that are either there whole or not there: write a temporary in the same folder, fsync it,
// rename it to its name, fsync the folder. What was there before stays until the rename.
//
//   AtomicFile file("out.wav");
//   file.write(bytes);            // or let a library write to file.temp_path() by its name
//   file.commit();                // without it the destructor removes the temporary
//
// A path that names a device, a pipe or a socket (/dev/stdout, /dev/full) cannot be replaced: it
// is written to directly, and temp_path() is the path itself. A symbolic link is followed.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace fluvox {

class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  // Puts the temporary on the disk, after which only the renaming can fail. commit() does it where
  // it was not done; who commits several files together does it for all of them first.
  void flush();
  void commit();

  const std::filesystem::path& temp_path() const { return temp_; }

 private:
  [[noreturn]] void fail(const std::string& doing) const;
  void discard() noexcept;

  std::filesystem::path path_, temp_;
  int fd_ = -1;
  int slot_ = -1;  // of the list that remove_live_temporaries goes through
  bool in_place_ = false;
};

// open(2), once more where a signal came between, and then Interrupted where it asks to stop. -1
// and errno when it fails.
int open_file(const std::filesystem::path& path, int flags, unsigned mode = 0);

// With all its parents; no error where it is there already, or has no name.
void make_folder(const std::filesystem::path& folder);

void write_file_atomically(const std::filesystem::path& path, std::string_view content);

// The whole file; more than max_bytes is refused before memory is taken for it.
std::string read_file(const std::filesystem::path& path, size_t max_bytes);

// Unlinks every temporary of this process. Async-signal-safe; for the abort path only.
void remove_live_temporaries() noexcept;

}  // namespace fluvox
