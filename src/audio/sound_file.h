// Sound files in and out, by libsndfile. One channel inside: several are averaged when read.
//
//   Sound sound = read_sound("clip.flac", 22050);
//   WriteReport report = write_sound("out.opus", sound.samples, sound.rate);
//
// Reading takes whatever libsndfile reads (WAV, FLAC, Ogg Vorbis, Opus, MP3, ...; "-" is stdin) and
// trusts no header: a file that is cut short, empty, not sound, or holds NaN is refused by name,
// and memory follows what is really there.
//
// Writing goes by the name's ending: .wav .flac .ogg (Vorbis) .opus; "-" and devices get a WAV with
// a header of our own; `raw` is samples alone, whatever the name. Files appear whole or not at all.
// Integers are clipped at full scale, never wrapped; f32 keeps what lies beyond; NaN is an error.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "audio/encoding.h"

namespace fluvox::audio {

// Rates outside these are taken for damage.
inline constexpr int kLowestRate = 1000;
inline constexpr int kHighestRate = 768000;

struct Sound {
  std::vector<float> samples;
  int rate = 0;  // Hz
};

// rate: 0 leaves the file's own; otherwise resampled to it (audio/resample.h).
Sound read_sound(const std::filesystem::path& path, int rate = 0);

struct WriteReport {
  std::uint64_t frames = 0;   // samples given
  std::uint64_t clipped = 0;  // of them beyond full scale, and cut to it
  int rate = 0;               // of the file: Opus has five rates, any other becomes 48000
};

// Throws what the writer would throw for this name, so that a long run can fail before it starts.
void check_sound_name(const std::filesystem::path& path, Encoding encoding, bool raw = false);

// Writes a sound as it is made. Without finish() no file appears.
class SoundWriter {
 public:
  // frames: the length where it is known beforehand, for the header of a WAV on a pipe.
  SoundWriter(const std::filesystem::path& path, int rate, Encoding encoding = Encoding::s16,
              bool raw = false, std::optional<std::uint64_t> frames = {});
  ~SoundWriter();

  void write(std::span<const float> samples);
  WriteReport finish();

  class Backend;

 private:
  std::string name_;
  bool clips_;
  WriteReport report_;
  std::unique_ptr<Backend> backend_;
};

WriteReport write_sound(const std::filesystem::path& path, std::span<const float> samples, int rate,
                        Encoding encoding = Encoding::s16, bool raw = false);

}  // namespace fluvox::audio
