#include "kernels/philox.h"

#include <gtest/gtest.h>

namespace fluvox::kernels {
namespace {

// The known-answer vectors published with Random123 (kat_vectors, "philox4x32 10").
TEST(Philox, PublishedVectors) {
  struct Vector {
    Words4 counter;
    PhiloxKey key;
    Words4 expected;
  };
  const Vector vectors[] = {
      {{{0, 0, 0, 0}}, {{0, 0}}, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}},
      {{{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}},
       {{0xffffffff, 0xffffffff}},
       {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}},
      {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
       {{0xa4093822, 0x299f31d0}},
       {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}},
  };
  for (const Vector& vector : vectors) {
    const Words4 words = philox4x32_10(vector.counter, vector.key);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(words.word[i], vector.expected.word[i]) << i;
  }
}

}  // namespace
}  // namespace fluvox::kernels
