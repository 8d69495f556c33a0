// CRC-32, eight bytes a step ("slicing by 8"): table k holds what a byte does k places further on.
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#include "import/zip.h"

namespace fluvox::imports {
namespace {

static_assert(std::endian::native == std::endian::little, "eight bytes are read as one number");

using Tables = std::array<std::array<uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) rest = rest >> 1 ^ ((rest & 1) != 0 ? 0xedb88320U : 0U);
    tables[0][byte] = rest;
  }
  for (size_t k = 1; k < 8; ++k)
    for (size_t byte = 0; byte < 256; ++byte)
      tables[k][byte] = tables[k - 1][byte] >> 8 ^ tables[0][tables[k - 1][byte] & 255];
  return tables;
}

constexpr Tables kTables = make_tables();

}  // namespace

uint32_t crc32(std::string_view bytes) {
  uint32_t crc = ~0U;
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    word ^= crc;
    crc = 0;
    for (size_t k = 0; k < 8; ++k) crc ^= kTables[7 - k][word >> 8 * k & 255];
  }
  for (; i < bytes.size(); ++i)
    crc = crc >> 8 ^ kTables[0][(crc ^ static_cast<uint8_t>(bytes[i])) & 255];
  return ~crc;
}

}  // namespace fluvox::imports
