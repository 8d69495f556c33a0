#include "audio/encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/throws.h"

namespace fluvox::audio {
namespace {

using support::thrown_by;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Encoding, EveryIntegerComesBack) {
  for (int k = -32768; k <= 32767; ++k) {
    ASSERT_EQ(round_to_bits(static_cast<float>(k) / 32768.0f, 16), k);
  }
  for (int k = -8388608; k <= 8388607; k += 61) {
    ASSERT_EQ(round_to_bits(static_cast<float>(k) / 8388608.0f, 24), k);
  }
}

TEST(Encoding, RoundsToNearest) {
  EXPECT_EQ(round_to_bits(10.4f / 32768, 16), 10);
  EXPECT_EQ(round_to_bits(10.6f / 32768, 16), 11);
  EXPECT_EQ(round_to_bits(-10.6f / 32768, 16), -11);
  EXPECT_EQ(round_to_bits(10.5f / 32768, 16), 10);  // ties to even
  EXPECT_EQ(round_to_bits(11.5f / 32768, 16), 12);
}

TEST(Encoding, ClipsAndNeverWraps) {
  for (const float x : {1.0f, 1.5f, 2.0f, 65536.0f, 3e38f}) {
    EXPECT_EQ(round_to_bits(x, 16), 32767);
    EXPECT_EQ(round_to_bits(-x, 16), -32768);
    EXPECT_EQ(round_to_bits(x, 24), 8388607);
    EXPECT_EQ(round_to_bits(-x, 24), -8388608);
  }
  EXPECT_EQ(round_to_bits(32766.6f / 32768, 16), 32767);
}

TEST(Encoding, BytesAreLittleEndian) {
  const std::vector<float> samples{-1.0f, 1.0f / 32768};
  const auto encoded = [&](Encoding encoding) {
    std::vector<std::byte> bytes;
    append_encoded(samples, encoding, bytes);
    std::vector<int> values;
    for (const std::byte b : bytes) values.push_back(std::to_integer<int>(b));
    return values;
  };
  EXPECT_THAT(encoded(Encoding::s16), ElementsAre(0, 0x80, 1, 0));
  EXPECT_THAT(encoded(Encoding::s24), ElementsAre(0, 0, 0x80, 0, 1, 0));
  EXPECT_THAT(encoded(Encoding::f32), ElementsAre(0, 0, 0x80, 0xBF, 0, 0, 0, 0x38));
}

TEST(Encoding, CountsWhatLiesBeyondFullScale) {
  EXPECT_EQ(check_samples(std::vector<float>{0, 1, -1, 1.0001f, -1.5f}, 0, "x"), 2u);
}

TEST(Encoding, NotANumberIsNamedWithItsPlace) {
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    const Error error = thrown_by([&] {
      check_samples(std::vector<float>{0, 0, bad}, 1000, "out.wav");
    });
    EXPECT_EQ(error.code(), "sample-not-finite");
    EXPECT_EQ(error.fault(), Fault::input);
    EXPECT_THAT(error.what(), HasSubstr("out.wav"));
    EXPECT_THAT(error.what(), HasSubstr("1002"));
  }
}

TEST(Encoding, Names) {
  for (const Encoding encoding : {Encoding::s16, Encoding::s24, Encoding::f32}) {
    EXPECT_EQ(parse_encoding(encoding_name(encoding)), encoding);
  }
  const Error error = thrown_by([] { parse_encoding("s32"); });
  EXPECT_EQ(error.fault(), Fault::usage);
  EXPECT_THAT(error.what(), HasSubstr("'s32'"));
}

}  // namespace
}  // namespace fluvox::audio
