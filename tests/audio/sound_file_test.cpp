#include "audio/sound_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cmath>
#include <thread>

#include "core/output.h"
#include "support/made_speech.h"
#include "support/made_wav.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox::audio {
namespace {

using support::bytes_of;
using support::made_speech;
using support::MadeWav;
using support::slurp;
using support::spill;
using support::TempFolder;
using support::thrown_by;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<float> every_step(int bits, int stride) {
  const int half = 1 << (bits - 1);
  std::vector<float> samples;
  for (int k = -half; k < half; k += stride) {
    samples.push_back(static_cast<float>(k) / static_cast<float>(half));
  }
  return samples;
}

double signal_to_noise(std::span<const float> original, std::span<const float> other) {
  double signal = 0, noise = 0;
  for (std::size_t i = 0; i < original.size(); ++i) {
    const double x = original[i], d = i < other.size() ? other[i] - x : x;
    signal += x * x;
    noise += d * d;
  }
  return 10 * std::log10(signal / noise);
}

// What a function writes to standard output, through a pipe as in a shell.
template <class Call>
std::string stdout_of(Call call) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
  const int saved = ::dup(STDOUT_FILENO);
  ::dup2(ends[1], STDOUT_FILENO);
  ::close(ends[1]);
  std::string content;
  std::thread reader([&] {
    char block[4096];
    for (ssize_t got; (got = ::read(ends[0], block, sizeof block)) > 0;) {
      content.append(block, static_cast<std::size_t>(got));
    }
  });
  call();
  ::dup2(saved, STDOUT_FILENO);
  ::close(saved);
  reader.join();
  ::close(ends[0]);
  return content;
}

// The same through a pipe into standard input.
Sound read_from_stdin(const std::string& content) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
  const int saved = ::dup(STDIN_FILENO);
  ::dup2(ends[0], STDIN_FILENO);
  ::close(ends[0]);
  std::thread writer([&] {
    write_fully(ends[1], std::as_bytes(std::span(content)), "pipe");
    ::close(ends[1]);
  });
  Sound sound = read_sound("-");
  writer.join();
  ::dup2(saved, STDIN_FILENO);
  ::close(saved);
  return sound;
}

TEST(SoundFile, SixteenBitsComeBackBitForBit) {
  TempFolder folder;
  const std::vector<float> samples = every_step(16, 1);
  for (const char* name : {"a.wav", "a.flac", "A.WAV"}) {
    const WriteReport report = write_sound(folder / name, samples, 22050);
    EXPECT_EQ(report.clipped, 0u);
    EXPECT_EQ(report.frames, samples.size());
    const Sound sound = read_sound(folder / name);
    EXPECT_EQ(sound.rate, 22050);
    EXPECT_TRUE(sound.samples == samples) << name;
  }
  write_sound(folder / "b.wav", read_sound(folder / "a.wav").samples, 22050);
  EXPECT_TRUE(slurp(folder / "b.wav") == slurp(folder / "a.wav"));
}

TEST(SoundFile, TwentyFourBitsComeBackBitForBit) {
  TempFolder folder;
  const std::vector<float> samples = every_step(24, 77);
  for (const char* name : {"a.wav", "a.flac"}) {
    write_sound(folder / name, samples, 44100, Encoding::s24);
    EXPECT_TRUE(read_sound(folder / name).samples == samples) << name;
  }
}

TEST(SoundFile, FloatsComeBackBitForBitBeyondFullScaleToo) {
  TempFolder folder;
  const std::vector<float> samples{0.1f, -1e-20f, 1.5f, -7.25f, 0.333333f};
  const WriteReport report = write_sound(folder / "a.wav", samples, 22050, Encoding::f32);
  EXPECT_EQ(report.clipped, 0u);
  EXPECT_EQ(read_sound(folder / "a.wav").samples, samples);
}

TEST(SoundFile, LossyFilesKeepLengthAndSound) {
  TempFolder folder;
  const std::vector<float> speech = made_speech(24000, 2, 1);
  for (const char* name : {"a.ogg", "a.opus"}) {
    const WriteReport report = write_sound(folder / name, speech, 24000);
    EXPECT_EQ(report.rate, 24000);
    const Sound sound = read_sound(folder / name);
    EXPECT_EQ(sound.rate, 24000);
    EXPECT_EQ(sound.samples.size(), speech.size()) << name;
    EXPECT_GT(signal_to_noise(speech, sound.samples), 10) << name;
    EXPECT_LT(slurp(folder / name).size(), speech.size()) << name;
  }
}

TEST(SoundFile, OpusTakesItsOwnRatesAndResamplesOthers) {
  TempFolder folder;
  const std::vector<float> speech = made_speech(22050, 2, 1);
  EXPECT_EQ(write_sound(folder / "a.opus", speech, 22050).rate, 48000);
  const Sound sound = read_sound(folder / "a.opus", 22050);
  EXPECT_NEAR(static_cast<double>(sound.samples.size()), static_cast<double>(speech.size()), 1);
  EXPECT_GT(signal_to_noise(speech, sound.samples), 10);
}

TEST(SoundFile, Mp3IsRead) {
  // 500 Hz, 16 kHz, 8 kbit/s: six frames as an encoder wrote them, after an empty ID3 tag.
  constexpr char kHex[] =
      "4944330300000000000a"
      "00000000000000000000"
      "fff318c400044852e5a1430002aa4044aeeeeee7fa2444f7108187797e082a322f793463fff318c40505d866"
      "c401909000e45420e11e11c11e8e12e833b06741a0af82b5ffe91926fff318c40406086290 01d500014544da"
      "008030046b81a103e0618028b0981063f8aaffd7fff318c40205a8669401550000517111 9f00105818057606"
      "48028778400228626e9dcd8bfff318c40205285ed0018d6800bbb9913b5831926179c05d698944f5f0a9cf4a"
      "aabb3374fff318c40405104dd401c3000030 10a30a0226065054b0744aff0eaceaaa4c414d45aaaa";
  std::string bytes;
  int digits = 0, value = 0;
  for (const char* c = kHex; *c != '\0'; ++c) {
    if (*c == ' ') continue;
    value = value * 16 + (*c <= '9' ? *c - '0' : *c - 'a' + 10);
    if (++digits % 2 == 0) bytes += static_cast<char>(std::exchange(value, 0));
  }
  TempFolder folder;
  spill(folder / "a.mp3", bytes);
  const Sound sound = read_sound(folder / "a.mp3");
  EXPECT_EQ(sound.rate, 16000);
  EXPECT_GT(sound.samples.size(), 2000u);
  float peak = 0;
  for (const float x : sound.samples) peak = std::max(peak, std::fabs(x));
  EXPECT_NEAR(peak, 0.25, 0.1);
}

TEST(SoundFile, ChannelsAreAveraged) {
  TempFolder folder;
  MadeWav wav;
  wav.channels = 2;
  wav.data = bytes_of(std::vector<std::int16_t>{100, 200, -32768, -32768, 32767, -32767});
  spill(folder / "two.wav", wav.bytes());
  EXPECT_THAT(read_sound(folder / "two.wav").samples, ElementsAre(150.0f / 32768, -1.0f, 0.0f));

  wav.channels = 5;
  wav.code = 3;
  wav.bits = 32;
  wav.data = bytes_of(std::vector<float>{3e38f, 3e38f, 3e38f, 3e38f, 3e38f, 1, 2, 3, 4, 5});
  spill(folder / "five.wav", wav.bytes());
  EXPECT_THAT(read_sound(folder / "five.wav").samples, ElementsAre(3e38f, 3.0f));
}

TEST(SoundFile, IsResampledWhereAsked) {
  TempFolder folder;
  std::vector<float> samples(44100);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples[i] = static_cast<float>(0.5 * std::sin(0.05 * static_cast<double>(i)));
  }
  write_sound(folder / "a.wav", samples, 44100, Encoding::f32);
  const Sound sound = read_sound(folder / "a.wav", 22050);
  EXPECT_EQ(sound.rate, 22050);
  ASSERT_EQ(sound.samples.size(), 22050u);
  for (std::size_t i = 1000; i < 21000; ++i) ASSERT_NEAR(sound.samples[i], samples[2 * i], 1e-5);
}

TEST(SoundFile, ClipsAndCounts) {
  TempFolder folder;
  const std::vector<float> samples{1.5f, -1.5f, 1.0f, 0.5f, -1.0f, 1e30f};
  for (const char* name : {"a.wav", "a.flac"}) {
    EXPECT_EQ(write_sound(folder / name, samples, 22050).clipped, 3u);
    constexpr float kTop = 32767.0f / 32768;
    EXPECT_THAT(read_sound(folder / name).samples, ElementsAre(kTop, -1, kTop, 0.5f, -1, kTop));
  }
  EXPECT_EQ(write_sound(folder / "a.ogg", std::vector<float>(30000, 1.5f), 22050).clipped, 30000u);
  EXPECT_NEAR(read_sound(folder / "a.ogg").samples[15000], 1.0, 0.1);
}

TEST(SoundFile, TheSameSoundGivesTheSameBytes) {
  TempFolder folder;
  const std::vector<float> speech = made_speech(22050, 1, 2);
  for (const char* ending : {".wav", ".flac"}) {
    for (const Encoding encoding : {Encoding::s16, Encoding::s24, Encoding::f32}) {
      if (encoding == Encoding::f32 && ending == std::string(".flac")) continue;
      const auto a = folder / ("a" + std::string(ending)), b = folder / ("b" + std::string(ending));
      write_sound(a, speech, 22050, encoding);
      SoundWriter writer(b, 22050, encoding);
      for (std::size_t at = 0; at < speech.size(); at += 777) {
        writer.write(std::span(speech).subspan(at, std::min<std::size_t>(777, speech.size() - at)));
      }
      EXPECT_EQ(writer.finish().frames, speech.size());
      EXPECT_TRUE(slurp(a) == slurp(b)) << ending << ' ' << encoding_name(encoding);
      EXPECT_EQ(slurp(a).find("PEAK"), std::string::npos);
    }
  }
}

TEST(SoundFile, APipeGetsTheBytesOfTheFile) {
  TempFolder folder;
  const std::vector<float> speech = made_speech(22050, 1.00003, 2);  // an odd number of samples
  ASSERT_EQ(speech.size() % 2, 1u);
  for (const Encoding encoding : {Encoding::s16, Encoding::s24, Encoding::f32}) {
    write_sound(folder / "a.wav", speech, 22050, encoding);
    const std::string piped = stdout_of([&] { write_sound("-", speech, 22050, encoding); });
    // libsndfile leaves a chunk of padding in files of floats.
    if (encoding != Encoding::f32) {
      EXPECT_TRUE(piped == slurp(folder / "a.wav")) << encoding_name(encoding);
    }
    EXPECT_TRUE(read_from_stdin(piped).samples == read_sound(folder / "a.wav").samples);
  }
}

TEST(SoundFile, AStreamOfUnknownLengthIsRead) {
  TempFolder folder;
  const std::vector<float> speech = made_speech(22050, 1, 2);
  const std::string piped = stdout_of([&] {
    SoundWriter writer("-", 22050, Encoding::f32);
    writer.write(std::span(speech).first(1000));
    writer.write(std::span(speech).subspan(1000));
    writer.finish();
  });
  EXPECT_EQ(piped.substr(4, 4), "\xFF\xFF\xFF\xFF");
  EXPECT_TRUE(read_from_stdin(piped).samples == speech);
  spill(folder / "a.wav", piped);
  EXPECT_TRUE(read_sound(folder / "a.wav").samples == speech);
}

TEST(SoundFile, RawIsSamplesAlone) {
  TempFolder folder;
  const std::vector<float> samples{0.5f, -0.25f, 2.0f};
  const std::string expected = bytes_of(std::vector<std::int16_t>{16384, -8192, 32767});
  EXPECT_EQ(write_sound(folder / "a.pcm", samples, 22050, Encoding::s16, true).clipped, 1u);
  EXPECT_EQ(slurp(folder / "a.pcm"), expected);
  EXPECT_EQ(stdout_of([&] { write_sound("-", samples, 22050, Encoding::s16, true); }), expected);
}

TEST(SoundFile, AClosedPipeIsNoError) {
  ::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  const int saved = ::dup(STDOUT_FILENO);
  ::dup2(ends[1], STDOUT_FILENO);
  ::close(ends[1]);
  bool quiet = false;
  try {
    write_sound("-", std::vector<float>(100000), 22050);
  } catch (const ClosedPipe&) {
    quiet = true;
  }
  ::dup2(saved, STDOUT_FILENO);
  ::close(saved);
  EXPECT_TRUE(quiet);
}

TEST(SoundFile, NamesAreCheckedBeforeAnythingIsWritten) {
  TempFolder folder;
  for (const char* name : {"a.mp3", "a", "a.wav.txt"}) {
    const Error error = thrown_by([&] { check_sound_name(folder / name, Encoding::s16); });
    EXPECT_EQ(error.fault(), Fault::usage);
    EXPECT_THAT(error.what(), HasSubstr(".flac"));
    EXPECT_THROW(write_sound(folder / name, std::vector<float>(10), 22050), Error);
  }
  const Error error = thrown_by([&] { check_sound_name(folder / "a.flac", Encoding::f32); });
  EXPECT_EQ(error.code(), "sound-encoding");
  EXPECT_NO_THROW(check_sound_name("-", Encoding::f32));
  EXPECT_THAT(folder.names(), IsEmpty());
}

TEST(SoundFile, RatesThatAFileCannotHoldAreRefused) {
  TempFolder folder;
  for (const int rate : {0, -1, 999, 768001}) {
    EXPECT_EQ(
        thrown_by([&] { write_sound(folder / "a.wav", std::vector<float>(10), rate); }).code(),
        "sound-rate");
  }
  for (const auto& [name, rate] : {std::pair{"a.ogg", 500000}, {"a.flac", 767999}}) {
    const Error error =
        thrown_by([&] { write_sound(folder / name, std::vector<float>(10), rate); });
    EXPECT_EQ(error.fault(), Fault::usage);
    EXPECT_THAT(error.what(), HasSubstr(text(rate, " Hz")));
  }
  EXPECT_THAT(folder.names(), IsEmpty());
}

}  // namespace
}  // namespace fluvox::audio
