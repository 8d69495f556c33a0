#include "core/sha256.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace fluvox {
namespace {

// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
constexpr std::array<uint32_t, 64> kRound{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

uint32_t big_endian(const std::byte* p) {
  uint32_t word;
  std::memcpy(&word, p, 4);
  return std::endian::native == std::endian::little ? __builtin_bswap32(word) : word;
}

// One round. The caller rotates the names instead of moving eight values.
inline void round(uint32_t a, uint32_t b, uint32_t c, uint32_t& d, uint32_t e, uint32_t f,
                  uint32_t g, uint32_t& h, uint32_t word) {
  const uint32_t sum1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
  const uint32_t sum0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
  h += sum1 + (g ^ (e & (f ^ g))) + word;
  d += h;
  h += sum0 + ((a & b) | (c & (a | b)));
}

}  // namespace

void Sha256::absorb(const std::byte* block, size_t blocks) {
  auto [a0, b0, c0, d0, e0, f0, g0, h0] = state_;
  for (; blocks > 0; --blocks, block += 64) {
    uint32_t w[16];
    for (int i = 0; i < 16; ++i) w[i] = big_endian(block + 4 * i);
    uint32_t a = a0, b = b0, c = c0, d = d0, e = e0, f = f0, g = g0, h = h0;
    // The word of round i; from round 16 on it replaces that of round i - 16.
    const auto word = [&w](int i) {
      if (i >= 16) {
        const uint32_t x = w[(i + 1) & 15], y = w[(i + 14) & 15];
        w[i & 15] += (std::rotr(x, 7) ^ std::rotr(x, 18) ^ (x >> 3)) + w[(i + 9) & 15] +
                     (std::rotr(y, 17) ^ std::rotr(y, 19) ^ (y >> 10));
      }
      return w[i & 15] + kRound[static_cast<size_t>(i)];
    };
    for (int i = 0; i < 64; i += 8) {
      round(a, b, c, d, e, f, g, h, word(i));
      round(h, a, b, c, d, e, f, g, word(i + 1));
      round(g, h, a, b, c, d, e, f, word(i + 2));
      round(f, g, h, a, b, c, d, e, word(i + 3));
      round(e, f, g, h, a, b, c, d, word(i + 4));
      round(d, e, f, g, h, a, b, c, word(i + 5));
      round(c, d, e, f, g, h, a, b, word(i + 6));
      round(b, c, d, e, f, g, h, a, word(i + 7));
    }
    a0 += a, b0 += b, c0 += c, d0 += d, e0 += e, f0 += f, g0 += g, h0 += h;
  }
  state_ = {a0, b0, c0, d0, e0, f0, g0, h0};
}

void Sha256::update(std::span<const std::byte> bytes) {
  length_ += bytes.size();
  if (filled_ > 0) {
    const size_t taken = std::min(bytes.size(), pending_.size() - filled_);
    std::copy_n(bytes.begin(), taken, pending_.begin() + static_cast<ptrdiff_t>(filled_));
    filled_ += taken;
    bytes = bytes.subspan(taken);
    if (filled_ < pending_.size()) return;
    absorb(pending_.data(), 1);
    filled_ = 0;
  }
  absorb(bytes.data(), bytes.size() / 64);
  const auto rest = bytes.last(bytes.size() % 64);
  std::copy(rest.begin(), rest.end(), pending_.begin());
  filled_ = rest.size();
}

std::string Sha256::hex() const {
  Sha256 last = *this;
  // Padding: a 1 bit, zeros up to 56 modulo 64, the length in bits as 8 bytes, big end first.
  std::array<std::byte, 72> padding{std::byte{0x80}};
  const size_t zeros_end = 1 + (119 - filled_) % 64;
  for (size_t i = 0; i < 8; ++i)
    padding[zeros_end + i] = static_cast<std::byte>(length_ * 8 >> (56 - 8 * i));
  last.update(std::span(padding).first(zeros_end + 8));

  std::string digits;
  for (const uint32_t word : last.state_)
    for (int shift = 28; shift >= 0; shift -= 4) digits += "0123456789abcdef"[word >> shift & 15];
  return digits;
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex();
}

std::string sha256_hex(std::string_view text) { return sha256_hex(std::as_bytes(std::span(text))); }

}  // namespace fluvox
