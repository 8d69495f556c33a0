#include "audio/wav_header.h"

#include <string_view>
#include <utility>

#include "core/error.h"

namespace fluvox::audio {
namespace {

constexpr std::uint32_t kHeaderBytesMax = 58;  // with a fact chunk

class Writer {
 public:
  Writer& tag(std::string_view name) {
    for (const char c : name) bytes_.push_back(static_cast<std::byte>(c));
    return *this;
  }
  Writer& number(std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) bytes_.push_back(static_cast<std::byte>(value >> (8 * i)));
    return *this;
  }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace

std::uint64_t max_wav_frames(Encoding encoding) {
  // One less than the sizes could hold: the largest value means "unknown", and a pad byte may
  // follow.
  return (kWavSizeUnknown - 2 - kHeaderBytesMax) /
         static_cast<std::uint64_t>(bytes_per_sample(encoding));
}

std::vector<std::byte> wav_header(int rate, Encoding encoding,
                                  std::optional<std::uint64_t> frames) {
  if (frames && *frames > max_wav_frames(encoding)) {
    throw Error(Fault::usage, "wav-too-long",
                text("a WAV file holds at most ", max_wav_frames(encoding), " samples of ",
                     encoding_name(encoding), ", found ", *frames, ": write .flac instead"));
  }
  const bool is_float = encoding == Encoding::f32;
  const auto block = static_cast<std::uint32_t>(bytes_per_sample(encoding));
  const std::uint32_t data = frames ? static_cast<std::uint32_t>(*frames) * block : kWavSizeUnknown;
  // What is not PCM says how many bytes its format adds (none), and how many samples there are.
  const std::uint32_t format_size = is_float ? 18 : 16;
  const std::uint32_t after_riff = 4 + (8 + format_size) + (is_float ? 12u : 0u) + 8;
  const auto hertz = static_cast<std::uint32_t>(rate);

  Writer out;
  out.tag("RIFF").number(frames ? after_riff + data + (data & 1) : kWavSizeUnknown, 4).tag("WAVE");
  out.tag("fmt ").number(format_size, 4).number(is_float ? 3 : 1, 2).number(1, 2);
  out.number(hertz, 4).number(hertz * block, 4).number(block, 2).number(8 * block, 2);
  if (is_float) {
    out.number(0, 2).tag("fact").number(4, 4);
    out.number(frames ? static_cast<std::uint32_t>(*frames) : kWavSizeUnknown, 4);
  }
  out.tag("data").number(data, 4);
  return out.take();
}

}  // namespace fluvox::audio
