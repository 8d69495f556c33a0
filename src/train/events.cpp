#include "train/events.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "audio/wav_header.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/output.h"
#include "report/png.h"

namespace fluvox::train {
namespace {

// CRC-32C (Castagnoli), the polynomial reversed.
constexpr std::array<uint32_t, 256> kTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) rest = rest >> 1 ^ ((rest & 1) != 0 ? 0x82f63b78U : 0U);
    table[byte] = rest;
  }
  return table;
}();

uint32_t masked(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xa282ead8U; }

template <class Number>
std::string raw(Number value) {
  static_assert(std::endian::native == std::endian::little);
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

// A field is its number and wire type, then: 0 a varint, 1 eight bytes, 2 a length and that many
// bytes, 5 four bytes.
std::string varint(uint64_t value) {
  std::string bytes;
  for (; value > 127; value >>= 7) bytes += static_cast<char>(value | 128);
  return bytes + static_cast<char>(value);
}
std::string key(int field, int wire) { return varint(static_cast<uint64_t>(field << 3 | wire)); }
std::string whole(int field, int64_t value) {
  return key(field, 0) + varint(static_cast<uint64_t>(value));
}
std::string bytes(int field, std::string_view value) {
  return key(field, 2) + varint(value.size()) + std::string(value);
}
std::string single(int field, float value) { return key(field, 5) + raw(value); }
std::string twofold(int field, double value) { return key(field, 1) + raw(value); }

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string host() {
  char name[256] = "";
  if (::gethostname(name, sizeof name - 1) != 0) return "host";
  return name;
}

}  // namespace

uint32_t crc32c(std::string_view data) {
  uint32_t crc = ~0U;
  for (char c : data) crc = crc >> 8 ^ kTable[(crc ^ static_cast<uint8_t>(c)) & 255];
  return ~crc;
}

std::string tf_record(std::string_view data) {
  const std::string length = raw(uint64_t{data.size()});
  return length + raw(masked(length)) + std::string(data) + raw(masked(data));
}

EventFile::EventFile(const std::filesystem::path& folder, int64_t first_step) {
  const double started = now();
  path_ = folder /
          text("events.out.tfevents.", static_cast<int64_t>(started), ".", host(), ".", ::getpid());
  fd_ = open_file(path_, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd_ < 0)
    throw Error(Fault::io, "write-failed",
                text("cannot open ", path_.string(), " to log to: ", std::strerror(errno)));
  write(twofold(1, started) + bytes(3, "brain.Event:2"));
  write(twofold(1, started) + whole(2, first_step) + bytes(7, whole(1, 1)));
}

EventFile::~EventFile() {
  if (fd_ >= 0) ::close(fd_);
}

void EventFile::write(const std::string& event) {
  const std::string record = tf_record(event);
  write_fully(fd_, std::as_bytes(std::span(record)), path_.string());
}

void EventFile::summary(int64_t step, const std::string& values) {
  write(twofold(1, now()) + whole(2, step) + bytes(5, values));
}

void EventFile::scalars(int64_t step, const std::vector<std::pair<std::string, double>>& values) {
  std::string all;
  for (const auto& [tag, value] : values)
    all += bytes(1, bytes(1, tag) + single(2, static_cast<float>(value)));
  summary(step, all);
}

void EventFile::picture(int64_t step, const std::string& tag, const report::Image& image) {
  const std::string inside = whole(1, image.height) + whole(2, image.width) + whole(3, 3) +
                             bytes(4, report::encode_png(image));
  summary(step, bytes(1, bytes(1, tag) + bytes(4, inside)));
}

void EventFile::sound(int64_t step, const std::string& tag, std::span<const float> samples,
                      int rate) {
  audio::check_samples(samples, 0, tag);
  std::vector<std::byte> wav = audio::wav_header(rate, audio::Encoding::s16, samples.size());
  audio::append_encoded(samples, audio::Encoding::s16, wav);
  const std::string_view encoded(reinterpret_cast<const char*>(wav.data()), wav.size());
  const std::string inside = single(1, static_cast<float>(rate)) + whole(2, 1) +
                             whole(3, static_cast<int64_t>(samples.size())) + bytes(4, encoded) +
                             bytes(5, "audio/wav");
  summary(step, bytes(1, bytes(1, tag) + bytes(6, inside)));
}

}  // namespace fluvox::train
