#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include "audio/pcm_stream.h"
#include "audio/resample.h"
#include "audio/sound_file.h"
#include "audio/sound_file_library.h"
#include "audio/wav_header.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/output.h"

namespace fs = std::filesystem;

namespace fluvox::audio {
namespace {

constexpr std::size_t kBlock = 1 << 14;  // samples handed to libsndfile at a time
constexpr double kVorbisQuality = 0.6;   // of 1: transparent for speech

// libsndfile writes to our descriptor, so that no failed write can go unseen.
struct Output {
  ~Output() {
    if (fd >= 0) ::close(fd);
  }
  int fd = -1;
  std::string name;
  sf_count_t extent = 0;  // bytes that the file must have in the end
  std::exception_ptr failure;
};

// A call that failed is remembered: libsndfile would go on, and write a header of what it did not
// learn.
sf_count_t remembered(sf_count_t answer, Output& output) {
  if (answer >= 0 || output.failure) return answer;
  try {
    throw Error(Fault::io, "write-failed",
                text("cannot write ", output.name, ": ", std::strerror(errno)));
  } catch (...) {  // thrown again where C++ called libsndfile
    output.failure = std::current_exception();
  }
  return answer;
}

sf_count_t output_length(void* user) {
  auto& output = *static_cast<Output*>(user);
  struct stat found {};
  return remembered(::fstat(output.fd, &found) == 0 ? found.st_size : -1, output);
}

sf_count_t output_seek(sf_count_t offset, int whence, void* user) {
  auto& output = *static_cast<Output*>(user);
  return remembered(::lseek(output.fd, offset, whence), output);
}

sf_count_t output_tell(void* user) { return output_seek(0, SEEK_CUR, user); }

sf_count_t output_read(void* out, sf_count_t count, void* user) {
  auto& output = *static_cast<Output*>(user);
  return remembered(::read(output.fd, out, static_cast<std::size_t>(count)), output);
}

// After a failure the rest is swallowed: told of it, libsndfile would not free what it holds.
sf_count_t output_write(const void* bytes, sf_count_t count, void* user) {
  auto& output = *static_cast<Output*>(user);
  if (output.failure) return count;
  try {
    write_fully(output.fd,
                std::span(static_cast<const std::byte*>(bytes), static_cast<std::size_t>(count)),
                output.name);
    output.extent = std::max(output.extent, output_tell(user));
  } catch (...) {  // thrown again where C++ called libsndfile
    output.failure = std::current_exception();
  }
  return count;
}

enum class Container { wav, flac, vorbis, opus, stream };

bool is_stream(const fs::path& path) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  return path == "-" ||
         (fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status));
}

Container container_of(const fs::path& path, Encoding encoding, bool raw) {
  if (raw || is_stream(path)) return Container::stream;
  std::string ending = path.extension().string();
  for (char& c : ending) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  if (ending == ".wav") return Container::wav;
  if (ending == ".ogg") return Container::vorbis;
  if (ending == ".opus") return Container::opus;
  if (ending != ".flac") {
    throw Error(
        Fault::usage, "sound-name",
        text("expected a name ending in .wav, .flac, .ogg or .opus (or '-' for stdout), found '",
             path.string(), "'"));
  }
  if (encoding == Encoding::f32) {
    throw Error(Fault::usage, "sound-encoding",
                text(path.string(),
                     ": FLAC holds s16 or s24, not f32: change the encoding or the"
                     " name to .wav"));
  }
  return Container::flac;
}

int format_of(Container container, Encoding encoding) {
  const int depth = encoding == Encoding::s16   ? SF_FORMAT_PCM_16
                    : encoding == Encoding::s24 ? SF_FORMAT_PCM_24
                                                : SF_FORMAT_FLOAT;
  switch (container) {
    case Container::flac:
      return SF_FORMAT_FLAC | depth;
    case Container::vorbis:
      return SF_FORMAT_OGG | SF_FORMAT_VORBIS;
    case Container::opus:
      return SF_FORMAT_OGG | SF_FORMAT_OPUS;
    default:
      return SF_FORMAT_WAV | depth;
  }
}

int file_rate(Container container, int rate) {
  const bool legal =
      rate == 8000 || rate == 12000 || rate == 16000 || rate == 24000 || rate == 48000;
  return container != Container::opus || legal ? rate : 48000;
}

void check_rate(const std::string& name, int rate) {
  if (rate < kLowestRate || rate > kHighestRate) {
    throw Error(Fault::usage, "sound-rate",
                text(name, ": expected a sample rate of ", kLowestRate, " to ", kHighestRate,
                     " Hz, found ", rate));
  }
}

}  // namespace

class SoundWriter::Backend {
 public:
  virtual ~Backend() = default;
  virtual void write(std::span<const float> samples) = 0;
  virtual void finish() = 0;
};

namespace {

class StreamBackend : public SoundWriter::Backend {
 public:
  explicit StreamBackend(PcmStream&& stream) : stream_(std::move(stream)) {}
  void write(std::span<const float> samples) override { stream_.write(samples); }
  void finish() override { stream_.finish(); }

 private:
  PcmStream stream_;
};

class LibraryBackend : public SoundWriter::Backend {
 public:
  LibraryBackend(const fs::path& path, Container container, int rate, Encoding encoding)
      : file_(path),
        lossy_(container == Container::vorbis || container == Container::opus),
        encoding_(encoding),
        container_(container),
        rate_(file_rate(container, rate)),
        resampler_(rate, rate_) {
    output_.name = path.string();
    output_.fd = open_file(file_.temp_path(), O_RDWR | O_CLOEXEC);
    if (output_.fd < 0) fail(std::strerror(errno));
    SF_VIRTUAL_IO io{output_length, output_seek, output_read, output_write, output_tell};
    SF_INFO info{};
    info.samplerate = rate_;
    info.channels = 1;
    info.format = format_of(container, encoding);
    std::string reason;
    sound_ = open_sound(io, SFM_WRITE, info, &output_, reason);
    check();
    if (!sound_) refuse_rate(reason);
    // A PEAK chunk would hold the time of day: the same samples must give the same bytes.
    sf_command(sound_.get(), SFC_SET_ADD_PEAK_CHUNK, nullptr, SF_FALSE);
    double quality = kVorbisQuality;
    if (container == Container::vorbis) {
      sf_command(sound_.get(), SFC_SET_VBR_ENCODING_QUALITY, &quality, sizeof quality);
    }
    if (container == Container::opus) {
      sf_command(sound_.get(), SFC_SET_ORIGINAL_SAMPLERATE, &rate, sizeof rate);
    }
  }

  void write(std::span<const float> samples) override {
    ready_.clear();
    resampler_.process(samples, ready_);
    put();
  }

  void finish() override {
    ready_.clear();
    resampler_.finish(ready_);
    put();
    const int closed = sf_close(sound_.release());
    check();
    // On a full disk sf_close has been seen to return 0 over a file that is too short.
    const sf_count_t size = output_length(&output_);
    check();
    const auto least = container_ == Container::wav
                           ? static_cast<sf_count_t>(frames_) * bytes_per_sample(encoding_)
                           : 0;
    if (closed != 0 || size != output_.extent || size < least) {
      fail(text("libsndfile closed it with ", closed, "; expected ",
                std::max(output_.extent, least), " bytes, found ", size));
    }
    if (::close(std::exchange(output_.fd, -1)) != 0) fail(std::strerror(errno));
    file_.commit();
  }

 private:
  [[noreturn]] void fail(const std::string& reason) const {
    throw Error(Fault::io, "write-failed", text("cannot write ", output_.name, ": ", reason));
  }

  [[noreturn]] void refuse_rate(const std::string& reason) const {
    throw Error(Fault::usage, "sound-rate",
                text(output_.name, ": this kind of file cannot hold sound at ", rate_,
                     " Hz; libsndfile says: ", reason));
  }

  void check() const {
    if (output_.failure) std::rethrow_exception(output_.failure);
  }

  // Writes ready_: clipped floats to the lossy codecs, integers at the top of 32 bits to the
  // others.
  void put() {
    if (container_ == Container::wav && frames_ + ready_.size() > max_wav_frames(encoding_)) {
      fail(
          text("a WAV holds at most ", max_wav_frames(encoding_), " samples: write .flac instead"));
    }
    for (std::size_t at = 0; at < ready_.size(); at += kBlock) {
      const std::span<float> block =
          std::span(ready_).subspan(at, std::min(kBlock, ready_.size() - at));
      const auto count = static_cast<sf_count_t>(block.size());
      sf_count_t written = 0;
      if (lossy_) {
        for (float& x : block) x = std::clamp(x, -1.0f, 1.0f);
      }
      if (lossy_ || encoding_ == Encoding::f32) {
        written = sf_writef_float(sound_.get(), block.data(), count);
      } else {
        const int bits = 8 * bytes_per_sample(encoding_);
        integers_.resize(block.size());
        for (std::size_t i = 0; i < block.size(); ++i) {
          integers_[i] = round_to_bits(block[i], bits) * (1 << (32 - bits));
        }
        written = sf_writef_int(sound_.get(), integers_.data(), count);
      }
      check();
      if (written != count) {
        // Some encoders look at the rate only when the first samples come.
        if (frames_ == 0) refuse_rate(sf_strerror(sound_.get()));
        fail(text("expected to write ", count, " samples, libsndfile wrote ", written, ": ",
                  sf_strerror(sound_.get())));
      }
    }
    frames_ += ready_.size();
  }

  AtomicFile file_;
  bool lossy_;
  Encoding encoding_;
  Container container_;
  int rate_;  // of the file
  Resampler resampler_;
  Output output_;
  SndFile sound_;  // closed before the descriptor that it writes to
  std::uint64_t frames_ = 0;
  std::vector<float> ready_;
  std::vector<int> integers_;
};

}  // namespace

void check_sound_name(const fs::path& path, Encoding encoding, bool raw) {
  container_of(path, encoding, raw);
}

SoundWriter::SoundWriter(const fs::path& path, int rate, Encoding encoding, bool raw,
                         std::optional<std::uint64_t> frames)
    : name_(path == "-" ? "standard output" : path.string()) {
  const Container container = container_of(path, encoding, raw);
  check_rate(name_, rate);
  const bool lossy = container == Container::vorbis || container == Container::opus;
  clips_ = lossy || encoding != Encoding::f32;
  report_.rate = file_rate(container, rate);
  if (container == Container::stream) {
    backend_ = std::make_unique<StreamBackend>(PcmStream(path, rate, encoding, raw, frames));
  } else {
    backend_ = std::make_unique<LibraryBackend>(path, container, rate, encoding);
  }
}

SoundWriter::~SoundWriter() = default;

void SoundWriter::write(std::span<const float> samples) {
  const std::size_t beyond = check_samples(samples, report_.frames, name_);
  backend_->write(samples);
  report_.frames += samples.size();
  if (clips_) report_.clipped += beyond;
}

WriteReport SoundWriter::finish() {
  backend_->finish();
  return report_;
}

WriteReport write_sound(const fs::path& path, std::span<const float> samples, int rate,
                        Encoding encoding, bool raw) {
  SoundWriter writer(path, rate, encoding, raw, samples.size());
  writer.write(samples);
  return writer.finish();
}

}  // namespace fluvox::audio
