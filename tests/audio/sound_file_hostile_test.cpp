// Files that are cut short, lie or were never sound: refused by name, in memory bounded by their
// size.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "audio/sound_file.h"
#include "support/made_speech.h"
#include "support/made_wav.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox::audio {
namespace {

using support::bytes_of;
using support::little_endian;
using support::made_speech;
using support::MadeWav;
using support::slurp;
using support::spill;
using support::TempFolder;
using support::thrown_by;
using testing::HasSubstr;

class HostileSound : public testing::Test {
 protected:
  // The error of reading these bytes; its message must begin with the name.
  Error refused(const std::string& bytes, const std::string& name = "clip.wav") {
    spill(folder_ / name, bytes);
    const Error error = thrown_by([&] { read_sound(folder_ / name); });
    EXPECT_THAT(error.what(), HasSubstr(name));
    EXPECT_EQ(error.fault(), Fault::input);
    return error;
  }

  std::string speech_as(const std::string& name, double seconds = 1) {
    write_sound(folder_ / name, made_speech(24000, seconds, 4), 24000);
    return slurp(folder_ / name);
  }

  TempFolder folder_;
};

MadeWav small_wav() {
  MadeWav wav;
  wav.data = bytes_of(std::vector<std::int16_t>{1, 2, 3, 4, 5, 6, 7, 8});
  return wav;
}

TEST_F(HostileSound, NothingTextAndNoise) {
  EXPECT_EQ(refused("").code(), "sound-empty");
  EXPECT_EQ(refused("id|text\nLJ001-0001|Printing, in the only sense\n").code(),
            "sound-unreadable");
  std::mt19937 random(1);
  for (int i = 0; i < 50; ++i) {
    std::string noise(5000, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    EXPECT_EQ(refused(noise).code(), "sound-unreadable");
  }
}

TEST_F(HostileSound, ThereIsNoSuchFile) {
  EXPECT_EQ(thrown_by([&] { read_sound(folder_ / "none.wav"); }).code(), "file-missing");
  EXPECT_EQ(thrown_by([&] { read_sound(folder_.path()); }).fault(), Fault::input);
}

TEST_F(HostileSound, RatesAndChannelsThatCannotBe) {
  MadeWav wav = small_wav();
  for (const unsigned rate : {0u, 999u, 768001u, 0xFFFFFFFFu}) {
    wav.rate = rate;
    refused(wav.bytes());
  }
  wav.rate = 1;
  EXPECT_EQ(refused(wav.bytes()).code(), "sound-rate");
  wav = small_wav();
  for (const unsigned channels : {0u, 65535u}) {
    wav.channels = channels;
    wav.data.resize(1 << 18);
    refused(wav.bytes());
  }
}

TEST_F(HostileSound, EveryCutOfAWav) {
  const std::string whole = small_wav().bytes();
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const Error error = refused(whole.substr(0, size));
    if (size > 12) {
      EXPECT_EQ(error.code(), "sound-truncated") << size;
    }
  }
}

TEST_F(HostileSound, ACutFileOfAnyKindIsNamed) {
  for (const char* name : {"a.wav", "a.flac", "a.ogg", "a.opus"}) {
    const std::string whole = speech_as(name);
    for (const double part : {0.999, 0.9, 0.5, 0.3}) {
      const std::size_t size = static_cast<std::size_t>(part * static_cast<double>(whole.size()));
      EXPECT_EQ(refused(whole.substr(0, size), name).code(), "sound-truncated")
          << name << ' ' << part;
    }
    EXPECT_NO_THROW((spill(folder_ / name, whole), read_sound(folder_ / name)));
  }
}

TEST_F(HostileSound, AnOggThatLacksItsLastPageIsCut) {
  const std::string whole = speech_as("a.ogg", 3);
  EXPECT_EQ(refused(whole.substr(0, whole.rfind("OggS")), "a.ogg").code(), "sound-truncated");
}

std::string big_endian(std::uint64_t value, int bytes) {
  const std::string little = little_endian(value, bytes);
  return {little.rbegin(), little.rend()};
}

TEST_F(HostileSound, OtherContainersSayTheirLengthToo) {
  const std::string data(2000, '\1');
  const std::string au = ".snd" + big_endian(24, 4) + big_endian(2000, 4) + big_endian(3, 4) +
                         big_endian(22050, 4) + big_endian(1, 4) + data;
  const std::string comm = big_endian(1, 2) + big_endian(1000, 4) + big_endian(16, 2) +
                           std::string("\x40\x0D\xAC\x44\0\0\0\0\0\0", 10);
  const std::string aiff = "FORM" + big_endian(4 + 26 + 16 + 2000, 4) + "AIFFCOMM" +
                           big_endian(18, 4) + comm + "SSND" + big_endian(2008, 4) +
                           big_endian(0, 8) + data;
  const std::string riff = small_wav().bytes();
  for (const std::string& whole : {au, aiff}) {
    spill(folder_ / "whole", whole);
    EXPECT_EQ(read_sound(folder_ / "whole").samples.size(), 1000u);
    for (const std::size_t cut : {2, 100, 1999}) {
      EXPECT_EQ(refused(whole.substr(0, whole.size() - cut)).code(), "sound-truncated");
    }
  }
}

TEST_F(HostileSound, AnMp3SaysItsLengthInItsFirstFrame) {
  // MPEG 1 layer III, mono: the header, 17 bytes of side information, then the Xing header.
  const std::string frame = std::string("\xFF\xFB\x90\xC0", 4) + std::string(17, '\0') + "Info" +
                            big_endian(3, 4) + big_endian(10, 4) + big_endian(4170, 4);
  EXPECT_EQ(refused(frame + std::string(1000, '\0')).code(), "sound-truncated");
}

TEST_F(HostileSound, AClaimOfFourGigabytes) {
  MadeWav wav = small_wav();
  for (const std::uint32_t claimed : {0xFFFFFFFFu, 0xFFFFFFF0u, 0x80000000u, 0x7FFFF000u}) {
    wav.claimed = claimed;  // as writers to a pipe do: the file's size wins
    spill(folder_ / "a.wav", wav.bytes());
    const Sound sound = read_sound(folder_ / "a.wav");
    EXPECT_EQ(sound.samples.size(), 8u);
    EXPECT_LT(sound.samples.capacity(), 1000u);
  }
  wav.claimed = 0x70000000u;
  EXPECT_EQ(refused(wav.bytes()).code(), "sound-truncated");
}

TEST_F(HostileSound, AFlacMayClaimAnything) {
  // STREAMINFO's 36 bits of total samples, at bytes 21 to 25.
  std::string flac = speech_as("a.flac");
  flac[21] = static_cast<char>(flac[21] | 0x0F);
  for (int i = 22; i < 26; ++i) flac[static_cast<std::size_t>(i)] = '\xFF';
  EXPECT_EQ(refused(flac, "a.flac").code(), "sound-truncated");
  // 0: not known, as after a pipe.
  flac[21] = static_cast<char>(flac[21] & 0xF0);
  for (int i = 22; i < 26; ++i) flac[static_cast<std::size_t>(i)] = '\0';
  spill(folder_ / "a.flac", flac);
  EXPECT_EQ(read_sound(folder_ / "a.flac").samples.size(), 24000u);
}

TEST_F(HostileSound, NoSamplesAtAll) {
  MadeWav wav;
  EXPECT_EQ(refused(wav.bytes()).code(), "sound-empty");
  // A writer that was killed: the sound is there, its length says 0.
  wav = small_wav();
  wav.claimed = 0;
  refused(wav.bytes());
}

TEST_F(HostileSound, NotANumber) {
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    MadeWav wav;
    wav.code = 3;
    wav.bits = 32;
    wav.channels = 2;
    wav.data = bytes_of(std::vector<float>{0, 0, 0, bad});
    const Error error = refused(wav.bytes());
    EXPECT_EQ(error.code(), "sample-not-finite");
    EXPECT_THAT(error.what(), HasSubstr("sample 1 of channel 2"));
  }
}

// ---- a FLAC of constant blocks: 13 bytes that decode to 65535 samples

unsigned crc(const std::string& bytes, unsigned polynomial, int bits) {
  unsigned value = 0;
  for (const char c : bytes) {
    value ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << (bits - 8);
    for (int i = 0; i < 8; ++i) {
      value = value << 1 ^ ((value >> (bits - 1) & 1) != 0 ? polynomial : 0);
    }
  }
  return value & ((1u << bits) - 1);
}

std::string flac_of_silence(int frames) {
  // Block sizes 65535, frame sizes unknown, 22050 Hz, 1 channel, 16 bits, length and MD5 unknown.
  std::string flac = "fLaC" + std::string("\x80\0\0\x22", 4) + "\xFF\xFF\xFF\xFF" +
                     std::string(6, '\0') + std::string("\x05\x62\x20\xF0\0\0\0\0", 8) +
                     std::string(16, '\0');
  for (int i = 0; i < frames; ++i) {
    std::string frame = std::string("\xFF\xF8\x70\x08", 4);
    if (i < 0x80) {
      frame += static_cast<char>(i);
    } else {
      frame += static_cast<char>(0xC0 | i >> 6);
      frame += static_cast<char>(0x80 | (i & 0x3F));
    }
    frame += "\xFF\xFE";
    frame += static_cast<char>(crc(frame, 0x07, 8));
    frame += std::string(3, '\0');
    frame += big_endian(crc(frame, 0x8005, 16), 2);
    flac += frame;
  }
  return flac;
}

TEST_F(HostileSound, FewBytesThatDecodeToHoursAreRefused) {
  spill(folder_ / "short.flac", flac_of_silence(20));
  EXPECT_EQ(read_sound(folder_ / "short.flac").samples.size(), 20u * 65535);
  EXPECT_EQ(refused(flac_of_silence(1000), "long.flac").code(), "sound-too-long");
}

// Whatever the bytes: finite sound or an Error, never a crash, a hang or boundless memory.
TEST_F(HostileSound, DamagedAnywhere) {
  std::mt19937 random(7);
  for (const char* name : {"a.wav", "a.flac", "a.ogg", "a.opus"}) {
    const std::string whole = speech_as(name, 0.2);
    for (int round = 0; round < 100; ++round) {
      std::string bytes = whole;
      // Headers are short: most of the damage goes there.
      const std::size_t reach =
          round % 3 == 0 ? bytes.size() : std::min<std::size_t>(bytes.size(), 60);
      for (unsigned i = 0; i < 1 + random() % 4; ++i) {
        bytes[random() % reach] = static_cast<char>(random() % 3 == 0 ? 0xFF : random());
      }
      if (round % 5 == 0) bytes.resize(random() % bytes.size());
      spill(folder_ / name, bytes);
      try {
        const Sound sound = read_sound(folder_ / name);
        ASSERT_LE(sound.samples.capacity(), (1u << 25) + 2048 * bytes.size());
        for (const float x : sound.samples) ASSERT_TRUE(std::isfinite(x));
      } catch (const Error& error) {
        ASSERT_THAT(error.what(), HasSubstr(name));
      }
    }
  }
}

}  // namespace
}  // namespace fluvox::audio
