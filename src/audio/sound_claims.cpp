#include "audio/sound_claims.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "core/error.h"

namespace fluvox::audio {
namespace {

using Missing = std::optional<std::string>;

// WAV writers on a pipe put 0xFFFFFFFF, 0x80000000 or a little below it where the size is not
// known.
constexpr std::uint64_t kUnknownFrom = 0x7FFFF000;

// Reads that never leave the file: what lies beyond the end is 0 and matches no tag.
class Bytes {
 public:
  explicit Bytes(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::uint64_t size() const { return bytes_.size(); }
  std::uint64_t left(std::uint64_t at) const { return at < size() ? size() - at : 0; }
  unsigned byte(std::uint64_t at) const {
    return at < size() ? std::to_integer<unsigned>(bytes_[at]) : 0u;
  }
  bool tag(std::uint64_t at, std::string_view name) const {
    if (left(at) < name.size()) return false;
    for (std::size_t i = 0; i < name.size(); ++i) {
      if (byte(at + i) != static_cast<unsigned char>(name[i])) return false;
    }
    return true;
  }
  std::uint64_t number(std::uint64_t at, int bytes, bool big_endian) const {
    std::uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) {
      const int place = big_endian ? bytes - 1 - i : i;
      value |= static_cast<std::uint64_t>(byte(at + static_cast<std::uint64_t>(i))) << (8 * place);
    }
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
};

Missing claim(std::string_view part, std::uint64_t claimed, std::uint64_t there) {
  if (claimed <= there) return {};
  return text(part, " claims ", claimed, " bytes, ", there, " are there");
}

// RIFF-like chunks: tag, size, content, a pad byte to make it even.
Missing missing_in_chunks(const Bytes& file, std::string_view sound_chunk, bool big_endian) {
  std::uint64_t sound_size_64 = 0;  // RF64 keeps the size of a long data chunk in its ds64 chunk
  for (std::uint64_t at = 12; file.left(at) >= 8;) {
    const std::uint64_t size = file.number(at + 4, 4, big_endian);
    const std::uint64_t there = file.left(at + 8);
    if (file.tag(at, "ds64")) sound_size_64 = file.number(at + 16, 8, false);
    if (file.tag(at, sound_chunk)) {
      if (sound_size_64 != 0 && size == 0xFFFFFFFF) {
        return claim("its data chunk", sound_size_64, there);
      }
      if (!big_endian && size >= kUnknownFrom) return {};
      return claim(big_endian ? "its sound chunk" : "its data chunk", size, there);
    }
    if (size > there) return claim("a chunk before the sound", size, there);
    at += 8 + size + (size & 1);
  }
  return "its sound chunk is not there";
}

// Wave64: chunks are a 16-byte name that begins with the letters, and a size that includes the
// 24 bytes of name and size; each begins at a multiple of 8.
Missing missing_in_wave64(const Bytes& file) {
  for (std::uint64_t at = 40; file.left(at) >= 24;) {
    const std::uint64_t size = file.number(at + 16, 8, false);
    if (file.tag(at, "data")) return claim("its data chunk", size, file.left(at));
    if (size < 24 || size > file.left(at))
      return claim("a chunk before the sound", size, file.left(at));
    at += (size + 7) / 8 * 8;
  }
  return "its data chunk is not there";
}

Missing missing_in_au(const Bytes& file) {
  const std::uint64_t size = file.number(8, 4, true);
  if (size == 0xFFFFFFFF) return {};
  return claim("its header", size, file.left(file.number(4, 4, true)));
}

// Ogg: pages of 27 bytes, a table of segment lengths and the segments; bit 2 of the flags marks the
// page that ends a stream.
Missing missing_in_ogg(const Bytes& file) {
  bool ended = false;
  std::uint64_t at = 0;
  while (file.tag(at, "OggS")) {
    const std::uint64_t segments = file.byte(at + 26);
    std::uint64_t page = 27 + segments;
    for (std::uint64_t i = 0; i < segments; ++i) page += file.byte(at + 27 + i);
    if (page > file.left(at)) return "its last page is cut short";
    ended = (file.byte(at + 5) & 4) != 0;
    at += page;
  }
  if (!ended) return "the page that ends its stream is not there";
  return {};
}

// MP3: an ID3v2 tag may come first; the first frame may hold a Xing or Info header with the size of
// the whole stream. Without one the file cannot tell.
Missing missing_in_mp3(const Bytes& file) {
  std::uint64_t frame = 0;
  if (file.tag(0, "ID3")) {
    for (std::uint64_t i = 6; i < 10; ++i) frame = frame << 7 | (file.byte(i) & 0x7F);
    frame += 10;
    if (frame > file.size()) return "its ID3 tag is cut short";
  }
  if (file.byte(frame) != 0xFF || (file.byte(frame + 1) & 0xE0) != 0xE0) return {};
  const bool version_1 = (file.byte(frame + 1) & 0x18) == 0x18;
  const bool mono = (file.byte(frame + 3) & 0xC0) == 0xC0;
  const std::uint64_t xing = frame + 4 + (version_1 ? (mono ? 17 : 32) : (mono ? 9 : 17));
  if (!file.tag(xing, "Xing") && !file.tag(xing, "Info")) return {};
  const std::uint64_t flags = file.number(xing + 4, 4, true);
  if ((flags & 2) == 0) return {};
  const std::uint64_t size = file.number(xing + ((flags & 1) != 0 ? 12 : 8), 4, true);
  return claim("its first frame", size, file.left(frame));
}

}  // namespace

Missing missing_part(std::span<const std::byte> bytes) {
  const Bytes file(bytes);
  if ((file.tag(0, "RIFF") || file.tag(0, "RF64")) && file.tag(8, "WAVE")) {
    return missing_in_chunks(file, "data", false);
  }
  if (file.tag(0, "RIFX") && file.tag(8, "WAVE")) return missing_in_chunks(file, "data", true);
  if (file.tag(0, "FORM") && (file.tag(8, "AIFF") || file.tag(8, "AIFC"))) {
    return missing_in_chunks(file, "SSND", true);
  }
  if (file.tag(0, "riff") && file.tag(24, "wave")) return missing_in_wave64(file);
  if (file.tag(0, ".snd")) return missing_in_au(file);
  if (file.tag(0, "OggS")) return missing_in_ogg(file);
  return missing_in_mp3(file);
}

}  // namespace fluvox::audio
