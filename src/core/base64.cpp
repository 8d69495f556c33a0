#include "core/base64.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/error.h"

namespace fluvox {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> values() {
  std::array<int8_t, 256> table{};
  for (int8_t& value : table) value = -1;
  for (size_t i = 0; i < kDigits.size(); ++i)
    table[static_cast<unsigned char>(kDigits[i])] = static_cast<int8_t>(i);
  return table;
}

}  // namespace

std::string to_base64(std::span<const std::byte> bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t word = 0;  // three bytes, the first one highest
    for (size_t k = 0; k < 3; ++k)
      word = word << 8 | (k < count ? std::to_integer<uint32_t>(bytes[i + k]) : 0);
    for (size_t k = 0; k < 4; ++k) out += k <= count ? kDigits[word >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::vector<std::byte> from_base64(std::string_view source, const std::string& where) {
  static constexpr std::array<int8_t, 256> kValues = values();
  const auto refuse = [&](const std::string& what) {
    throw Error(Fault::input, "base64-invalid", text(where, ": not base64: ", what));
  };
  if (source.size() % 4 != 0)
    refuse(text("expected a multiple of 4 characters, found ", source.size()));
  size_t padding = 0;
  while (padding < 2 && padding < source.size() && source[source.size() - 1 - padding] == '=')
    ++padding;
  const size_t digits = source.size() - padding;
  std::vector<std::byte> out;
  out.reserve(digits * 3 / 4);
  uint32_t word = 0;
  int bits = 0;  // of word that wait
  for (size_t i = 0; i < digits; ++i) {
    const int value = kValues[static_cast<unsigned char>(source[i])];
    if (value < 0) refuse(text("a foreign character at ", i));
    word = word << 6 | static_cast<uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out.push_back(static_cast<std::byte>(word >> bits & 255));
    word &= (1U << bits) - 1;
  }
  if (word != 0) refuse("bits are set behind the last byte");
  return out;
}

}  // namespace fluvox
