// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw (SC 2011).
//
//   four random words = philox4x32_10(counter of four words, key of two words)
//
// A bijection of the counter for each key, without state: any number of the sequence is as cheap as
// the next one. Host and device, integers only.
#pragma once

#include <cstdint>

#include "kernels/ops_scalar.h"

namespace fluvox::kernels {

struct Words4 {
  std::uint32_t word[4];
};

struct PhiloxKey {
  std::uint32_t word[2];
};

// Of as many counters as Ops (ops_scalar.h) has lanes, in place.
template <class Ops>
FLUVOX_HOST_DEVICE static inline void philox_rounds(typename Ops::U counter[4], PhiloxKey key) {
  using U = typename Ops::U;
  for (int round = 0; round < 10; ++round) {
    U even_high, odd_high;
    const U even = Ops::multiply(counter[0], 0xD2511F53u, &even_high);
    const U odd = Ops::multiply(counter[2], 0xCD9E8D57u, &odd_high);
    counter[0] =
        Ops::exclusive_or(Ops::exclusive_or(odd_high, counter[1]), Ops::words(key.word[0]));
    counter[1] = odd;
    counter[2] =
        Ops::exclusive_or(Ops::exclusive_or(even_high, counter[3]), Ops::words(key.word[1]));
    counter[3] = even;
    key.word[0] += 0x9E3779B9u;  // the golden ratio
    key.word[1] += 0xBB67AE85u;  // sqrt(3) - 1
  }
}

FLUVOX_HOST_DEVICE static inline Words4 philox4x32_10(Words4 counter, PhiloxKey key) {
  philox_rounds<Scalar>(counter.word, key);
  return counter;
}

}  // namespace fluvox::kernels
