#include "audio/pcm_stream.h"

#include <algorithm>

#include "audio/wav_header.h"
#include "core/output.h"

namespace fluvox::audio {
namespace {

constexpr std::size_t kBlock = 1 << 14;  // samples encoded at a time

}  // namespace

PcmStream::PcmStream(const std::filesystem::path& path, int rate, Encoding encoding, bool raw,
                     std::optional<std::uint64_t> frames)
    : encoding_(encoding), raw_(raw) {
  if (!raw) pending_ = wav_header(rate, encoding, frames);
  if (path != "-") file_ = std::make_unique<AtomicFile>(path);
}

void PcmStream::send_pending() {
  if (file_) {
    file_->write(pending_);
  } else {
    write_stdout(pending_);
  }
  pending_.clear();
}

void PcmStream::write(std::span<const float> samples) {
  for (std::size_t at = 0; at < samples.size(); at += kBlock) {
    append_encoded(samples.subspan(at, std::min(kBlock, samples.size() - at)), encoding_, pending_);
    send_pending();
  }
  frames_ += samples.size();
}

void PcmStream::finish() {
  // Chunks of a WAV have even lengths.
  const bool odd = (frames_ * static_cast<std::uint64_t>(bytes_per_sample(encoding_))) % 2 != 0;
  if (odd && !raw_) pending_.push_back(std::byte{0});
  send_pending();
  if (file_) file_->commit();
}

}  // namespace fluvox::audio
