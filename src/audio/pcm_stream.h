// Samples as plain bytes to where a library that seeks cannot write: stdout, pipes, devices; and
// raw samples to files. A WAV header of our own comes first, unless raw.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "audio/encoding.h"
#include "core/atomic_file.h"

namespace fluvox::audio {

class PcmStream {
 public:
  // frames: the length where it is known; path "-" is stdout.
  PcmStream(const std::filesystem::path& path, int rate, Encoding encoding, bool raw,
            std::optional<std::uint64_t> frames);

  void write(std::span<const float> samples);
  void finish();

 private:
  void send_pending();

  Encoding encoding_;
  bool raw_;
  std::uint64_t frames_ = 0;
  std::vector<std::byte> pending_;    // the header waits for the first sample
  std::unique_ptr<AtomicFile> file_;  // null: stdout
};

}  // namespace fluvox::audio
