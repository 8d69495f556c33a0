// A file damaged in every way that a disk or a broken download damages one. In place, one byte at a
// time: writing the whole file anew each time would wait for the disk.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "support/temp_folder.h"

namespace fluvox::support {

// Calls check(bit) with that one bit of the file flipped; at the end the file is as it was.
template <class Check>
void for_each_flipped_bit(const std::filesystem::path& path, Check check) {
  const std::string whole = slurp(path);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const auto put = [&](size_t at, int byte) {
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte)).flush();
  };
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    put(bit / 8, whole[bit / 8] ^ 1 << bit % 8);
    check(bit);
    put(bit / 8, whole[bit / 8]);
  }
}

// Calls check(length) with the file cut to every length shorter than its own, down to 0.
template <class Check>
void for_each_truncation(const std::filesystem::path& path, Check check) {
  for (size_t length = std::filesystem::file_size(path); length-- > 0;) {
    std::filesystem::resize_file(path, length);
    check(length);
  }
}

}  // namespace fluvox::support
