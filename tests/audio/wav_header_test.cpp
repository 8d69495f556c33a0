#include "audio/wav_header.h"

#include <gtest/gtest.h>

#include "support/made_wav.h"
#include "support/throws.h"

namespace fluvox::audio {
namespace {

using support::little_endian;
using support::thrown_by;

std::string header(int rate, Encoding encoding, std::optional<std::uint64_t> frames) {
  std::string text;
  for (const std::byte b : wav_header(rate, encoding, frames)) text += static_cast<char>(b);
  return text;
}

TEST(WavHeader, Sixteen) {
  EXPECT_EQ(header(22050, Encoding::s16, 1000),
            "RIFF" + little_endian(36 + 2000, 4) + "WAVEfmt " + little_endian(16, 4) +
                little_endian(1, 2) + little_endian(1, 2) + little_endian(22050, 4) +
                little_endian(44100, 4) + little_endian(2, 2) + little_endian(16, 2) + "data" +
                little_endian(2000, 4));
}

TEST(WavHeader, AnOddChunkIsPaddedInTheSizeAroundIt) {
  const std::string odd = header(48000, Encoding::s24, 3);
  EXPECT_EQ(odd.substr(40, 4), little_endian(9, 4));
  EXPECT_EQ(odd.substr(4, 4), little_endian(36 + 10, 4));
}

// As the specification asks of what is not PCM: an extension (of no bytes) and a fact chunk.
TEST(WavHeader, FloatsCarryAnExtensionAndAFactChunk) {
  const std::string floats = header(16000, Encoding::f32, 5);
  EXPECT_EQ(floats.size(), 58u);
  EXPECT_EQ(floats.substr(4, 4), little_endian(50 + 20, 4));
  EXPECT_EQ(floats.substr(16, 4), little_endian(18, 4));
  EXPECT_EQ(floats.substr(20, 2), little_endian(3, 2));
  EXPECT_EQ(floats.substr(36, 14),
            little_endian(0, 2) + "fact" + little_endian(4, 4) + little_endian(5, 4));
  EXPECT_EQ(floats.substr(50), "data" + little_endian(20, 4));
}

TEST(WavHeader, AnUnknownLengthIsAllOnes) {
  const std::string streaming = header(22050, Encoding::s16, {});
  EXPECT_EQ(streaming.substr(4, 4), "\xFF\xFF\xFF\xFF");
  EXPECT_EQ(streaming.substr(40, 4), "\xFF\xFF\xFF\xFF");
}

TEST(WavHeader, WhatItsSizesCannotSayIsRefused) {
  const std::uint64_t most = max_wav_frames(Encoding::f32);
  EXPECT_NO_THROW(wav_header(22050, Encoding::f32, most));
  const Error error = thrown_by([&] { wav_header(22050, Encoding::f32, most + 1); });
  EXPECT_EQ(error.code(), "wav-too-long");
}

}  // namespace
}  // namespace fluvox::audio
