#include "audio/player.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "audio/encoding.h"
#include "audio/resample.h"
#include "core/error.h"
#include "core/signals.h"
#include "support/made_speech.h"
#include "support/null_sink.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox::audio {
namespace {

using support::made_speech;
using support::NullSink;
using support::thrown_by;
using testing::HasSubstr;

constexpr int kRate = 22050;

std::vector<std::int16_t> as_integers(const std::vector<float>& samples) {
  std::vector<std::int16_t> integers;
  for (const float x : samples) integers.push_back(static_cast<std::int16_t>(round_to_bits(x, 16)));
  return integers;
}

// Speech that is never exactly 0, so that a lost end cannot hide in the silence that follows.
std::vector<float> sound_to_the_end(double seconds) {
  std::vector<float> samples = made_speech(kRate, seconds, 5);
  for (float& x : samples) x = x * 0.9f + (x < 0 ? -0.01f : 0.01f);
  return samples;
}

void write_in_pieces(Player& player, std::span<const float> samples) {
  for (std::size_t at = 0, piece = 700; at < samples.size(); at += piece) {
    player.write(samples.subspan(at, std::min(piece, samples.size() - at)));
  }
}

TEST(Player, PlaysEverySampleOnceAndInTime) {
  NullSink sink(kRate);
  if (!sink.trouble().empty()) GTEST_SKIP() << sink.trouble();
  const std::vector<float> samples = sound_to_the_end(3);
  Player player(kRate);
  EXPECT_EQ(player.device_rate(), kRate);
  const auto begin = std::chrono::steady_clock::now();
  write_in_pieces(player, samples);
  player.finish();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;

  EXPECT_TRUE(sink.heard(as_integers(samples)));
  EXPECT_EQ(player.stats().frames_played, samples.size());
  EXPECT_EQ(player.stats().starved_frames, 0u);
  EXPECT_EQ(player.stats().underruns, 0u);
  EXPECT_GT(took.count(), 2.9);
}

// The device keeps what it holds when it is told to stop: even a sound shorter than its buffer must
// be heard to the end.
TEST(Player, KeepsTheTailOfAShortSound) {
  NullSink sink(kRate);
  if (!sink.trouble().empty()) GTEST_SKIP() << sink.trouble();
  const std::vector<float> samples = sound_to_the_end(0.05);
  {
    Player player(kRate);
    player.write(samples);
    player.finish();
  }
  EXPECT_TRUE(sink.heard(as_integers(samples)));
}

TEST(Player, BeginsWhenAsMuchIsThereAsWasAskedFor) {
  NullSink sink(kRate);
  if (!sink.trouble().empty()) GTEST_SKIP() << sink.trouble();
  const std::vector<float> samples = sound_to_the_end(2);
  const auto part = std::span(samples).first(kRate / 2);
  Player player(kRate);
  player.prebuffer(1);
  player.write(part);
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  EXPECT_EQ(player.stats().frames_played, 0u);
  player.write(std::span(samples).subspan(part.size()));
  player.finish();
  EXPECT_TRUE(sink.heard(as_integers(samples)));
  EXPECT_EQ(player.stats().starved_frames, 0u);
}

// No device takes this rate.
TEST(Player, ResamplesWhereTheDeviceRefusesTheRate) {
  constexpr int kHigh = 700'000;
  NullSink sink(44100);
  if (!sink.trouble().empty()) GTEST_SKIP() << sink.trouble();
  const std::vector<float> samples = made_speech(kHigh, 0.7, 5);
  Player player(kHigh);
  if (player.device_rate() != 44100) GTEST_SKIP() << "the device is at " << player.device_rate();
  player.write(samples);
  player.finish();
  EXPECT_TRUE(sink.heard(as_integers(resample(samples, kHigh, 44100))));
  EXPECT_EQ(player.stats().frames_played, samples.size());
}

// Plays until `fault` has struck the sink in the middle of it; gives the error and what was played.
template <class FaultOfTheSink>
Error lost_in_the_middle(FaultOfTheSink fault, PlayerStats& stats) {
  Player player(kRate);
  std::jthread assassin([&] {
    for (int i = 0; i < 100 && player.stats().frames_played < 5000; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    fault();
  });
  const Error error = thrown_by([&] {
    player.write(sound_to_the_end(20));
    player.finish();
  });
  stats = player.stats();
  return error;
}

TEST(Player, AServerThatDiesIsADeviceLost) {
  NullSink sink(kRate);
  if (!sink.trouble().empty()) GTEST_SKIP() << sink.trouble();
  PlayerStats stats;
  const Error error = lost_in_the_middle([&] { sink.kill_server(); }, stats);
  EXPECT_EQ(error.code(), "device-lost");
  EXPECT_EQ(error.exit_code(), 4);
  EXPECT_GE(stats.frames_played, 5000u);
  EXPECT_LT(stats.frames_played, 20u * kRate);
  EXPECT_THAT(error.what(), HasSubstr(text(stats.frames_played, " of ", 20 * kRate, " frames")));
}

TEST(Player, ASignalEndsTheWait) {
  NullSink sink(kRate);
  if (!sink.trouble().empty()) GTEST_SKIP() << sink.trouble();
  install_signal_handlers();
  Player player(kRate);
  std::jthread person([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    ::kill(::getpid(), SIGINT);
  });
  player.write(std::vector<float>(20 * kRate));
  EXPECT_THROW(player.finish(), Interrupted);
  EXPECT_LT(player.stats().frames_played, 10u * kRate);
  install_signal_handlers();  // forgets the signal
}

TEST(Player, DevicesAreListed) {
  NullSink sink(kRate);
  if (!sink.trouble().empty()) GTEST_SKIP() << sink.trouble();
  const std::vector<AudioDevice> devices = list_devices();
  ASSERT_FALSE(devices.empty());
  EXPECT_EQ(std::count_if(devices.begin(), devices.end(),
                          [](const AudioDevice& device) { return device.is_default; }),
            1);
  const Error error = thrown_by([] { Player(kRate, {.device = 999}); });
  EXPECT_EQ(error.code(), "device-unknown");
}

// The number of lines that the sound libraries would write to stderr here is about a hundred.
TEST(Player, NoDeviceIsOneSentence) {
  support::TempFolder folder;
  // A default that cannot be opened; without any default PortAudio 19.6 fails an assertion.
  support::spill(folder / "asound.conf", "pcm.!default { type hw card 31 }\n");
  const char* const old = std::getenv("ALSA_CONFIG_PATH");
  const std::string before = old ? old : "";
  ::setenv("ALSA_CONFIG_PATH", (folder / "asound.conf").c_str(), 1);
  testing::internal::CaptureStderr();
  const bool none = list_devices().empty();
  std::unique_ptr<Error> error;
  if (none) error = std::make_unique<Error>(thrown_by([] { Player player(kRate); }));
  const std::string noise = testing::internal::GetCapturedStderr();
  ::setenv("ALSA_CONFIG_PATH", before.c_str(), 1);
  if (before.empty()) ::unsetenv("ALSA_CONFIG_PATH");
  EXPECT_EQ(noise, "");
  if (!none) GTEST_SKIP() << "a device is found here even without ALSA";
  EXPECT_EQ(error->code(), "no-device");
  EXPECT_EQ(error->exit_code(), 4);
  EXPECT_STREQ(error->what(),
               "no audio output device was found: render to a file with `fluvox render ... -o "
               "out.wav`, or plug in / start a sound server");
}

// It does not answer when it is told to stop either: the player must not wait for that.
// The last test: PortAudio is left as it hangs.
TEST(Player, AServerThatHangsIsADeviceLost) {
  NullSink sink(kRate);
  if (!sink.trouble().empty()) GTEST_SKIP() << sink.trouble();
  PlayerStats stats;
  const auto begin = std::chrono::steady_clock::now();
  const Error error = lost_in_the_middle([&] { sink.freeze_server(); }, stats);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
  EXPECT_EQ(error.code(), "device-lost");
  EXPECT_THAT(error.what(), HasSubstr("stopped taking sound"));
}

}  // namespace
}  // namespace fluvox::audio
