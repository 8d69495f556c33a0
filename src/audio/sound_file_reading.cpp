#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <mutex>
#include <utility>

#include "audio/resample.h"
#include "audio/sound_claims.h"
#include "audio/sound_file.h"
#include "audio/sound_file_library.h"
#include "core/atomic_file.h"
#include "core/error.h"

namespace fs = std::filesystem;

namespace fluvox::audio {

SndFile open_sound(SF_VIRTUAL_IO& io, int mode, SF_INFO& info, void* user, std::string& reason) {
  // libsndfile keeps the error of a failed open in a global: one at a time.
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  SndFile file(sf_open_virtual(&io, mode, &info, user));
  if (file) return file;
  switch (sf_error(nullptr)) {
    case SF_ERR_UNRECOGNISED_FORMAT:
      reason = "its format is not recognised";
      break;
    case SF_ERR_MALFORMED_FILE:
      reason = "its header is malformed";
      break;
    case SF_ERR_UNSUPPORTED_ENCODING:
      reason = "its encoding is not supported";
      break;
    default:
      reason = text("libsndfile says '", sf_strerror(nullptr), "'");
  }
  return file;
}

namespace {

constexpr std::size_t kBlock = 1 << 14;              // samples asked of libsndfile at a time
constexpr std::size_t kMostFromAPipe = 1u << 30;     // bytes; a device could go on for ever
constexpr std::uint64_t kMostSamplesFree = 1 << 24;  // a decoder may always give that many,
constexpr std::uint64_t kMostSamplesPerByte = 1024;  // and as many more as silence compresses to

[[noreturn]] void refuse(const std::string& code, const std::string& name,
                         const std::string& reason) {
  throw Error(Fault::input, code, text(name, ": ", reason));
}

// libsndfile sees the bytes in memory, where pipes and files are alike.
struct Memory {
  std::span<const std::byte> bytes;
  sf_count_t at = 0;
};

sf_count_t memory_length(void* user) {
  return static_cast<sf_count_t>(static_cast<Memory*>(user)->bytes.size());
}

sf_count_t memory_seek(sf_count_t offset, int whence, void* user) {
  auto& memory = *static_cast<Memory*>(user);
  const sf_count_t from = whence == SEEK_SET   ? 0
                          : whence == SEEK_CUR ? memory.at
                                               : memory_length(user);
  // A foreign header may have any offset computed; what lies outside is the nearest end.
  const sf_count_t length = memory_length(user);
  memory.at = std::clamp<sf_count_t>(offset, -from, length - from) + from;
  return memory.at;
}

sf_count_t memory_read(void* out, sf_count_t count, void* user) {
  auto& memory = *static_cast<Memory*>(user);
  const sf_count_t given = std::clamp<sf_count_t>(count, 0, memory_length(user) - memory.at);
  if (given > 0) {
    std::memcpy(out, memory.bytes.data() + memory.at, static_cast<std::size_t>(given));
  }
  memory.at += given;
  return given;
}

sf_count_t memory_write(const void*, sf_count_t, void*) { return 0; }
sf_count_t memory_tell(void* user) { return static_cast<Memory*>(user)->at; }

void average_into(std::span<const float> interleaved, std::size_t channels, const std::string& name,
                  std::vector<float>& samples) {
  for (std::size_t at = 0; at < interleaved.size(); at += channels) {
    double sum = 0;
    for (std::size_t c = 0; c < channels; ++c) {
      const float x = interleaved[at + c];
      if (!std::isfinite(x)) {
        refuse("sample-not-finite", name,
               text("expected finite samples, found ", x, " at sample ", samples.size(),
                    " of channel ", c + 1));
      }
      sum += x;
    }
    samples.push_back(static_cast<float>(sum / static_cast<double>(channels)));
  }
}

std::vector<float> decode(std::span<const std::byte> bytes, const std::string& name, int& rate) {
  if (bytes.empty()) refuse("sound-empty", name, "expected a sound file, found 0 bytes");
  if (const auto missing = missing_part(bytes)) {
    refuse("sound-truncated", name, text("the file is cut short: ", *missing));
  }
  SF_VIRTUAL_IO io{memory_length, memory_seek, memory_read, memory_write, memory_tell};
  Memory memory{bytes};
  SF_INFO info{};
  std::string reason;
  const SndFile file = open_sound(io, SFM_READ, info, &memory, reason);
  if (!file) refuse("sound-unreadable", name, text("not readable as sound: ", reason));
  if (info.samplerate < kLowestRate || info.samplerate > kHighestRate) {
    refuse("sound-rate", name,
           text("expected a sample rate of ", kLowestRate, " to ", kHighestRate, " Hz, found ",
                info.samplerate));
  }
  rate = info.samplerate;

  const bool stated = info.frames >= 0 && info.frames < std::numeric_limits<sf_count_t>::max();
  const auto declared = static_cast<std::uint64_t>(stated ? info.frames : 0);
  const std::uint64_t most = kMostSamplesFree + kMostSamplesPerByte * bytes.size();
  const auto channels = static_cast<std::size_t>(info.channels);
  const std::size_t frames_a_block = std::max<std::size_t>(kBlock / channels, 1);
  std::vector<float> block(frames_a_block * channels), samples;
  // A hint only: memory grows with what is read.
  samples.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(declared, bytes.size())));
  while (true) {
    const sf_count_t got =
        sf_readf_float(file.get(), block.data(), static_cast<sf_count_t>(frames_a_block));
    if (got <= 0) break;
    average_into(std::span(block).first(static_cast<std::size_t>(got) * channels), channels, name,
                 samples);
    if (samples.size() > most) {
      refuse("sound-too-long", name,
             text(bytes.size(), " bytes that hold more than ", most,
                  " samples are taken for damage; if they are not, store the sound as WAV"));
    }
  }
  // Without a Xing header an MP3's length is an estimate; with one, missing_part has compared it.
  const bool exact = stated && (info.format & SF_FORMAT_TYPEMASK) != SF_FORMAT_MPEG;
  if (exact && samples.size() < declared) {
    refuse("sound-truncated", name,
           text("the file is cut short or damaged: expected ", declared, " samples, found ",
                samples.size()));
  }
  if (sf_error(file.get()) != SF_ERR_NO_ERROR) {
    refuse(
        "sound-damaged", name,
        text("after ", samples.size(), " samples libsndfile says '", sf_strerror(file.get()), "'"));
  }
  if (samples.empty()) refuse("sound-empty", name, "expected sound, found 0 samples");
  return samples;
}

}  // namespace

Sound read_sound(const fs::path& path, int rate) {
  const bool is_stdin = path == "-";
  const fs::path source = is_stdin ? fs::path("/dev/stdin") : path;
  const std::string name = is_stdin ? "standard input" : path.string();
  std::error_code ignored;
  const std::size_t most = fs::is_regular_file(source, ignored)
                               ? std::numeric_limits<std::size_t>::max()
                               : kMostFromAPipe;
  Sound sound;
  {
    const std::string bytes = read_file(source, most);
    sound.samples = decode(std::as_bytes(std::span(bytes)), name, sound.rate);
  }
  if (rate != 0 && rate != sound.rate) {
    sound.samples = resample(sound.samples, sound.rate, rate);
    sound.rate = rate;
  }
  return sound;
}

}  // namespace fluvox::audio
