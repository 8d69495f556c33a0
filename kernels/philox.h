// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw (SC 2011).
//
//   four random words = philox4x32_10(counter of four words, key of two words)
//
// A bijection of the counter for each key, without state: any number of the sequence is as cheap as
// the next one. Host and device, integers only.
#pragma once

#include <cstdint>

#include "kernels/portable.h"

namespace fluvox::kernels {

struct Words4 {
  std::uint32_t word[4];
};

struct PhiloxKey {
  std::uint32_t word[2];
};

FLUVOX_HOST_DEVICE static inline Words4 philox4x32_10(Words4 counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t even = std::uint64_t{0xD2511F53u} * counter.word[0];
    const std::uint64_t odd = std::uint64_t{0xCD9E8D57u} * counter.word[2];
    counter = {{static_cast<std::uint32_t>(odd >> 32) ^ counter.word[1] ^ key.word[0],
                static_cast<std::uint32_t>(odd),
                static_cast<std::uint32_t>(even >> 32) ^ counter.word[3] ^ key.word[1],
                static_cast<std::uint32_t>(even)}};
    key.word[0] += 0x9E3779B9u;  // the golden ratio
    key.word[1] += 0xBB67AE85u;  // sqrt(3) - 1
  }
  return counter;
}

}  // namespace fluvox::kernels
