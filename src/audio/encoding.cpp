#include "audio/encoding.h"

#include <array>
#include <bit>
#include <cmath>
#include <string>
#include <utility>

#include "core/error.h"

namespace fluvox::audio {
namespace {

constexpr std::array<std::pair<std::string_view, Encoding>, 3> kEncodings{
    {{"s16", Encoding::s16}, {"s24", Encoding::s24}, {"f32", Encoding::f32}}};

void append_little_endian(std::uint32_t value, int bytes, std::vector<std::byte>& out) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

}  // namespace

Encoding parse_encoding(std::string_view name) {
  for (const auto& [known, encoding] : kEncodings) {
    if (known == name) return encoding;
  }
  throw Error(Fault::usage, "encoding-unknown",
              text("expected an encoding of s16, s24 or f32, found '", name, "'"));
}

std::string_view encoding_name(Encoding encoding) {
  return kEncodings[static_cast<std::size_t>(encoding)].first;
}

int bytes_per_sample(Encoding encoding) {
  return encoding == Encoding::s16 ? 2 : encoding == Encoding::s24 ? 3 : 4;
}

std::int32_t round_to_bits(float x, int bits) {
  const auto full_scale = static_cast<float>(std::int32_t{1} << (bits - 1));
  const float scaled = x * full_scale;
  if (scaled >= full_scale - 1.0f) return (std::int32_t{1} << (bits - 1)) - 1;
  if (scaled <= -full_scale) return -(std::int32_t{1} << (bits - 1));
  return static_cast<std::int32_t>(std::lrint(scaled));
}

std::size_t check_samples(std::span<const float> samples, std::uint64_t first,
                          std::string_view where) {
  std::size_t beyond = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (!std::isfinite(samples[i])) {
      throw Error(
          Fault::input, "sample-not-finite",
          text(where, ": expected finite samples, found ", samples[i], " at sample ", first + i));
    }
    if (std::fabs(samples[i]) > 1.0f) ++beyond;
  }
  return beyond;
}

void append_encoded(std::span<const float> samples, Encoding encoding,
                    std::vector<std::byte>& out) {
  const int bytes = bytes_per_sample(encoding);
  out.reserve(out.size() + samples.size() * static_cast<std::size_t>(bytes));
  for (const float x : samples) {
    const std::uint32_t value = encoding == Encoding::f32
                                    ? std::bit_cast<std::uint32_t>(x)
                                    : static_cast<std::uint32_t>(round_to_bits(x, 8 * bytes));
    append_little_endian(value, bytes, out);
  }
}

}  // namespace fluvox::audio
