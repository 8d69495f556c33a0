// How samples become bytes: s16, s24 (integers, little-endian, clipped at full scale) or f32 (as
// they are).
//
//   integer of b bits = clamp(round(x * 2^(b-1)), -2^(b-1), 2^(b-1) - 1), rounded to nearest, ties
//   to even
//
// Reading gives k / 2^(b-1), so what was read from 16 bits is written back bit for bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace fluvox::audio {

enum class Encoding { s16, s24, f32 };

Encoding parse_encoding(std::string_view name);
std::string_view encoding_name(Encoding encoding);
int bytes_per_sample(Encoding encoding);

// The rule above for bits <= 24; x must be finite. Never wraps.
std::int32_t round_to_bits(float x, int bits);

// Throws "sample-not-finite" at the first NaN or infinity, naming its index counted from `first`
// and `where` it was to be written. Returns how many samples lie beyond full scale (|x| > 1).
std::size_t check_samples(std::span<const float> samples, std::uint64_t first,
                          std::string_view where);

// Appends the samples' bytes. The samples must have passed check_samples.
void append_encoded(std::span<const float> samples, Encoding encoding, std::vector<std::byte>& out);

}  // namespace fluvox::audio
