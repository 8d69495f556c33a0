// WAV files byte by byte, well-formed or not, for tests of what reads them.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace fluvox::support {

inline std::string little_endian(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  std::string out(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(out.data(), values.data(), out.size());
  return out;
}

struct MadeWav {
  int code = 1;  // 1: integers, 3: floats
  unsigned channels = 1, rate = 22050, bits = 16;
  std::string data;
  std::optional<std::uint32_t> claimed;  // size of the data chunk, where it lies

  std::string bytes() const {
    const unsigned block = channels * bits / 8;
    const std::string format = little_endian(static_cast<std::uint64_t>(code), 2) +
                               little_endian(channels, 2) + little_endian(rate, 4) +
                               little_endian(std::uint64_t{rate} * block, 4) +
                               little_endian(block, 2) + little_endian(bits, 2);
    const std::uint64_t size = claimed ? *claimed : data.size();
    return "RIFF" + little_endian(36 + size, 4) + "WAVEfmt " + little_endian(16, 4) + format +
           "data" + little_endian(size, 4) + data;
  }
};

}  // namespace fluvox::support
