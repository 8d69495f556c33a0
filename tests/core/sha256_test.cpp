#include "core/sha256.h"

#include <gtest/gtest.h>

#include <vector>

namespace fluvox {
namespace {

// The examples of FIPS 180-4 and of NIST's SHA-2 test vectors.
TEST(Sha256, PublishedVectors) {
  EXPECT_EQ(sha256_hex(std::string_view()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(
      sha256_hex("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklm"
                 "nopqklmnopqrlmnopqrsmnopqrstnopqrstu"),
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  Sha256 million;
  const std::string piece(1000, 'a');
  for (int i = 0; i < 1000; ++i) million.update(piece);
  EXPECT_EQ(million.hex(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnHowTheBytesArePieced) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) bytes += static_cast<char>(i * 7);
  // Every length around the ends of blocks, where padding takes one block or two.
  for (size_t length = 0; length <= bytes.size(); ++length) {
    const std::string_view message = std::string_view(bytes).substr(0, length);
    const std::string whole = sha256_hex(message);
    for (const size_t step : {size_t{1}, size_t{3}, size_t{64}, size_t{65}}) {
      Sha256 hash;
      for (size_t at = 0; at < length; at += step) hash.update(message.substr(at, step));
      EXPECT_EQ(hash.hex(), whole) << length << " bytes in steps of " << step;
    }
  }
}

TEST(Sha256, HexMayBeAskedForInBetween) {
  Sha256 hash;
  hash.update("a");
  hash.hex();
  hash.update("bc");
  EXPECT_EQ(hash.hex(), sha256_hex("abc"));
}

}  // namespace
}  // namespace fluvox
