// fluvox play on a sound device that remembers what it was given.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "audio/encoding.h"
#include "audio/sound_file.h"
#include "flow/model_file.h"
#include "runtime/session.h"
#include "support/made_models.h"
#include "support/made_speech.h"
#include "support/null_sink.h"
#include "support/run_program.h"
#include "support/sanitized.h"

namespace fluvox::cli {
namespace {

namespace fs = std::filesystem;
using support::NullSink;
using support::Ran;
using support::run_program;
using support::RunWith;
using testing::HasSubstr;
using testing::Not;

constexpr int kRate = 22050;

// Keeps the first processor of this process busy while it lives.
class Load {
 public:
  Load() : child_(::fork()) {
    if (child_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    cpu_set_t all, one;
    ::sched_getaffinity(0, sizeof all, &all);
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &all)) {
        CPU_SET(cpu, &one);
        break;
      }
    ::sched_setaffinity(0, sizeof one, &one);
    for (std::atomic<unsigned> turns{0};; ++turns) {
    }
  }
  ~Load() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

 private:
  pid_t child_;
};

// What the program plays for a recording, as the device hears it.
std::vector<std::int16_t> heard_of(const std::string& model, const std::string& wav,
                                   uint64_t seed) {
  const runtime::Session session(flow::read_model(model));
  runtime::RenderOptions options;
  options.seed = seed;
  options.item = runtime::item_of(fs::path(wav).stem().string());
  const mel::Mel mel = session.analyse(audio::read_sound(wav).samples);
  std::vector<std::int16_t> integers;
  for (const float x : session.render(mel, options))
    integers.push_back(static_cast<std::int16_t>(audio::round_to_bits(x, 16)));
  return integers;
}

// The last line of stdout: what became of the playing.
nlohmann::json last_line(const std::string& out) {
  const size_t end = out.find_last_not_of('\n');
  const size_t begin = out.rfind('\n', end);
  return nlohmann::json::parse(out.substr(begin == std::string::npos ? 0 : begin + 1));
}

class Play : public testing::Test {
 protected:
  Play() {
    const flow::Model made = support::small_compact();
    flow::write_model(model_, made.spec, made.tensors);
  }
  std::string recording(const std::string& name, double seconds, uint64_t seed) const {
    const std::string path = folder_ / (name + ".wav");
    audio::write_sound(path, support::made_speech(kRate, seconds, seed), kRate);
    return path;
  }
  Ran play(std::vector<std::string> arguments, const RunWith& with = {}) const {
    arguments.insert(arguments.begin(), {FLUVOX_PROGRAM, "play"});
    return run_program(arguments, with);
  }

  support::TempFolder folder_;
  const std::string model_ = folder_ / "model.safetensors";
};

TEST_F(Play, SeveralInputsFollowOneAnotherWithoutAGap) {
  NullSink sink(kRate);
  if (!sink.trouble().empty()) GTEST_SKIP() << sink.trouble();
  const std::string a = recording("a", 0.6, 1), b = recording("b", 0.5, 2),
                    c = recording("c", 0.2, 3);
  const Ran ran = play({a, b, c, "-m", model_, "--seed", "2", "--json"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  std::vector<std::int16_t> expected;
  for (const std::string& wav : {a, b, c})
    for (const std::int16_t x : heard_of(model_, wav, 2)) expected.push_back(x);
  EXPECT_TRUE(sink.heard(expected)) << ran.err;
  const auto told = last_line(ran.out);
  EXPECT_EQ(told["frames_played"], expected.size());
  EXPECT_EQ(told["starved_frames"], 0);
  EXPECT_EQ(told["underruns"], 0);
}

TEST_F(Play, ASignalEndsItAtOnceAndTellsHowFarItWas) {
  NullSink sink(kRate);
  if (!sink.trouble().empty()) GTEST_SKIP() << sink.trouble();
  const std::string wav = recording("long", 20, 1);
  std::chrono::steady_clock::time_point sent;
  const Ran ran = play({wav, "-m", model_}, {.while_running = [&](pid_t child) {
                         std::this_thread::sleep_for(std::chrono::milliseconds(2500));
                         sent = std::chrono::steady_clock::now();
                         ::kill(child, SIGINT);
                       }});
  EXPECT_LT(std::chrono::steady_clock::now() - sent, std::chrono::seconds(5));
  EXPECT_EQ(ran.exit_code, 130);
  EXPECT_THAT(ran.err, HasSubstr("stopped: played"));
}

TEST_F(Play, ADeviceThatGoesAwayIsExitFourAndTellsHowFarItWas) {
  NullSink sink(kRate);
  if (!sink.trouble().empty()) GTEST_SKIP() << sink.trouble();
  const std::string wav = recording("long", 20, 1);
  const Ran ran = play({wav, "-m", model_, "--json"}, {.while_running = [&](pid_t) {
                         const auto heard = [&] {
                           const auto all = sink.recorded();
                           return all.size() - std::count(all.begin(), all.end(), 0);
                         };
                         for (int i = 0; i < 200 && heard() < 5000; ++i)
                           std::this_thread::sleep_for(std::chrono::milliseconds(50));
                         sink.kill_server();
                       }});
  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_THAT(ran.err, HasSubstr(R"({"error":{"code":"device-lost")"));
  EXPECT_THAT(ran.err, HasSubstr("frames had been played"));
}

// 768000 samples a second are too much for one thread without vectors.
TEST_F(Play, WarnsBeforeItBeginsWhatTheMachineCannotKeepUpWith) {
  NullSink sink(kRate);
  if (!sink.trouble().empty()) GTEST_SKIP() << sink.trouble();
  flow::Model fast = support::small_compact();
  mel::Convention convention = support::small_convention();
  convention.sample_rate = 768000;
  fast.spec.mel = to_json(convention);
  flow::write_model(model_, fast.spec, fast.tensors);
  const std::string wav = folder_ / "short.wav";
  audio::write_sound(wav, support::made_speech(384000, 0.3, 1), 384000);
  const auto scalar = [] { ::setenv("FLUVOX_ISA", "scalar", 1); };
  const Ran one = play({wav, "-m", model_, "--threads", "1", "--json"}, {.in_child = scalar});
  EXPECT_EQ(one.exit_code, 0) << one.err;
  EXPECT_THAT(one.err, HasSubstr("x real time on this machine"));
  EXPECT_THAT(one.err, HasSubstr("are made before it begins"));
  const auto told = last_line(one.out);
  EXPECT_LT(told["x_real_time"], 1.1);
  EXPECT_EQ(told["starved_frames"], 0);  // so much was made first

  const Ran two =
      play({wav, "-m", model_, "--threads", "1", "--prebuffer", "0"}, {.in_child = scalar});
  EXPECT_THAT(two.err, HasSubstr("the sound will break off; render to a file with `fluvox render`, "
                                 "take a smaller model, try --precision bf16, or let more be made "
                                 "first with --prebuffer 1"));
}

// Half a minute of the voice in the box in real time, with every sample heard, while another
// program takes one of the processors for itself.
TEST_F(Play, TheVoiceHoldsOutBesideABusyProgram) {
  if (support::kSanitized) GTEST_SKIP() << "under a sanitizer the voice is slower than real time";
  const std::string voice = FLUVOX_SOURCE_DIR "/models/pretrained/compact.safetensors";
  NullSink sink(kRate);
  if (!sink.trouble().empty()) GTEST_SKIP() << sink.trouble();
  const std::string wav = recording("speech", 30, 9);
  Ran ran;
  {
    const Load load;
    ran = play({wav, "-m", voice, "--seed", "1", "--json"});
  }
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto told = last_line(ran.out);
  RecordProperty("told", told.dump());
  if (told["x_real_time"] < 1.1)
    GTEST_SKIP() << "the machine has too much else to do: " << told.dump();
  EXPECT_EQ(told["starved_frames"], 0);
  EXPECT_EQ(told["underruns"], 0);
  const auto expected = heard_of(voice, wav, 1);
  EXPECT_EQ(told["frames_played"], expected.size());
  EXPECT_TRUE(sink.heard(expected));
}

}  // namespace
}  // namespace fluvox::cli
