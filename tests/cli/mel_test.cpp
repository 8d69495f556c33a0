#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "audio/sound_file.h"
#include "mel/mel_file.h"
#include "support/made_speech.h"
#include "support/run_program.h"

namespace fluvox::cli {
namespace {

using support::Ran;
using support::run_program;
using support::RunWith;
using support::spill;
using support::TempFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using testing::UnorderedElementsAre;

Ran mel(std::vector<std::string> arguments, const RunWith& with = {}) {
  arguments.insert(arguments.begin(), {FLUVOX_PROGRAM, "mel"});
  return run_program(arguments, with);
}

std::string make_wav(const std::filesystem::path& path, uint64_t seed = 1, double seconds = 0.5) {
  audio::write_sound(path, support::MadeSpeech(22050, seed).make(seconds), 22050);
  return path;
}

TEST(MelCommand, WritesWhatTheLibraryComputes) {
  TempFolder folder;
  const std::string wav = make_wav(folder / "a.wav"), npy = folder / "a.npy";
  const Ran ran = mel({wav, "-o", npy});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.out, npy + "\n");
  EXPECT_THAT(ran.err, StartsWith("1 ok, 0 failed, 0 skipped; 0.5 s of audio in "));
  const mel::Convention convention = mel::convention("tacotron2");
  const mel::Mel expected = mel::analyse(audio::read_sound(wav, 22050).samples, convention);
  const mel::Mel found = mel::read_mel(npy, convention);
  EXPECT_EQ(found.frames, expected.frames);
  EXPECT_EQ(found.values, expected.values);
  EXPECT_THAT(folder.names(), UnorderedElementsAre("a.wav", "a.npy", "a.npy.json"));
}

TEST(MelCommand, ThreadsChangeNothing) {
  TempFolder folder;
  const std::string wav = make_wav(folder / "a.wav", 2, 2);
  mel({wav, "-o", folder / "one.npy", "--threads", "1"});
  mel({wav, "-o", folder / "four.npy", "--threads", "4"});
  EXPECT_EQ(support::slurp(folder / "one.npy"), support::slurp(folder / "four.npy"));
}

TEST(MelCommand, ABadInputIsNamedAndTheOthersGoOn) {
  TempFolder folder;
  const std::string good = make_wav(folder / "good.wav"),
                    better = make_wav(folder / "better.wav", 2);
  spill(folder / "bad.wav", "this is no sound");
  const Ran ran = mel({"-f", "-", "-d", folder / "out", "--json"},
                      {.in = good + "\n" + (folder / "bad.wav").string() + "\r\n\n" +
                             (folder / "none.wav").string() + "\n" + better});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("bad.wav"));
  EXPECT_THAT(ran.err, HasSubstr("2 ok, 2 failed, 0 skipped; 1.0 s of audio in "));
  std::vector<nlohmann::json> lines;
  std::istringstream out(ran.out);
  for (std::string line; std::getline(out, line);) lines.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0]["input"], good);
  EXPECT_EQ(lines[0]["output"], (folder / "out/good.npy").string());
  EXPECT_EQ(lines[0]["bands"], 80);
  EXPECT_TRUE(lines[1]["error"]["code"].is_string());
  EXPECT_TRUE(lines[2].contains("error"));
  EXPECT_EQ(lines[3]["input"], better);
  EXPECT_TRUE(std::filesystem::exists(folder / "out/better.npy.json"));
  EXPECT_FALSE(std::filesystem::exists(folder / "out/bad.npy"));
}

TEST(MelCommand, ASingleBadInputIsTheRunsError) {
  TempFolder folder;
  spill(folder / "bad.wav", "");
  EXPECT_EQ(mel({folder / "bad.wav", "-o", folder / "a.npy"}).exit_code, 3);
  EXPECT_EQ(mel({folder / "none.wav", "-o", folder / "a.npy"}).exit_code, 3);
  EXPECT_THAT(folder.names(), ElementsAre("bad.wav"));
}

TEST(MelCommand, QuietSaysNothingAndJsonProgressIsJson) {
  TempFolder folder;
  const std::string a = make_wav(folder / "a.wav"), b = make_wav(folder / "b.wav", 2);
  EXPECT_EQ(mel({a, b, "-d", folder / "out", "-q"}).err, "");
  // Everything on stderr is JSON then, warnings and errors too.
  const Ran ran =
      mel({a, folder / "none.wav", b, "-d", folder / "out", "--progress", "json", "--json"});
  EXPECT_EQ(ran.exit_code, 1);
  std::vector<nlohmann::json> events;
  std::istringstream lines(ran.err);
  for (std::string line; std::getline(lines, line);) events.push_back(nlohmann::json::parse(line));
  ASSERT_GE(events.size(), 3U);
  const nlohmann::json finished = events[events.size() - 2], summary = events.back();
  EXPECT_EQ(finished["event"], "finished");
  EXPECT_EQ(finished["done"], 3);
  EXPECT_EQ(summary["event"], "summary");
  EXPECT_EQ(summary["ok"], 2);
  EXPECT_EQ(summary["failed"], 1);
  EXPECT_EQ(summary["audio_seconds"], 1.0);
  EXPECT_TRUE(std::any_of(events.begin(), events.end(), [](const nlohmann::json& event) {
    return event["event"] == "log" && event["level"] == "error";
  }));
}

TEST(MelCommand, ResultsNeverCollide) {
  TempFolder folder;
  std::filesystem::create_directories(folder / "one");
  std::filesystem::create_directories(folder / "two");
  const std::string a = make_wav(folder / "one/x.wav"), b = make_wav(folder / "two/x.wav", 2);
  const Ran ran = mel({a, b, "-d", folder / "out"});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.err, HasSubstr("would both be written to"));
}

TEST(MelCommand, AMelFileIsConvertedWhereThatIsExact) {
  TempFolder folder;
  const std::string wav = make_wav(folder / "a.wav"), log10 = folder / "log10.npy",
                    ln = folder / "ln.npy", again = folder / "again.npy";
  const std::vector<std::string> to_ln = {"--convention", "parallel-wavegan", "--set", "log=ln"};
  const auto with = [](std::vector<std::string> first, const std::vector<std::string>& rest) {
    first.insert(first.end(), rest.begin(), rest.end());
    return first;
  };
  ASSERT_EQ(mel({wav, "-o", log10, "--convention", "parallel-wavegan"}).exit_code, 0);
  ASSERT_EQ(mel(with({wav, "-o", again}, to_ln)).exit_code, 0);
  const Ran ran = mel(with({log10, "-o", ln}, to_ln));
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  const mel::Convention convention = *mel::read_sidecar(again);
  EXPECT_EQ(mel::describe_difference(*mel::read_sidecar(ln), convention), "");
  const mel::Mel expected = mel::read_mel(again, convention), found = mel::read_mel(ln, convention);
  ASSERT_EQ(found.values.size(), expected.values.size());
  for (size_t i = 0; i < found.values.size(); ++i)
    ASSERT_NEAR(found.values[i], expected.values[i], 1e-5);

  // The filters are what they are.
  const Ran refused = mel({log10, "-o", folder / "no.npy"});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.err, HasSubstr("log10.npy: a mel of convention 'parallel-wavegan' cannot"));
  EXPECT_THAT(refused.err, HasSubstr("fmin 80 against 0, fmax 7600 against 8000"));
  EXPECT_FALSE(std::filesystem::exists(folder / "no.npy"));

  // Without a sidecar the convention has to be said.
  std::filesystem::remove(log10 + ".json");
  const Ran unknown = mel(with({log10, "-o", folder / "no.npy"}, to_ln));
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("--from"));
  EXPECT_EQ(mel(with({log10, "-o", again, "--from", "parallel-wavegan"}, to_ln)).exit_code, 0);
  EXPECT_EQ(support::slurp(again), support::slurp(ln));
}

TEST(BenchCommand, MelIsOneLineOfFigures) {
  const Ran ran = run_program({FLUVOX_PROGRAM, "bench", "mel", "--seconds", "60"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto figures = nlohmann::json::parse(ran.out);
  EXPECT_EQ(figures["seconds_of_audio"], 60);
  EXPECT_GT(figures["seconds"].get<double>(), 0);
  EXPECT_GT(figures["processor_seconds"].get<double>(), 0);
  EXPECT_DOUBLE_EQ(figures["x_real_time"].get<double>(), 60 / figures["seconds"].get<double>());
  EXPECT_EQ(run_program({FLUVOX_PROGRAM, "bench", "nothing"}).exit_code, 2);
}

TEST(MelCommand, AFullDiskEndsTheRunAndLeavesNothing) {
  TempFolder folder;
  const std::string a = make_wav(folder / "a.wav", 1, 3), b = make_wav(folder / "b.wav", 2, 3);
  const Ran ran = mel({a, b, "-d", folder / "out"}, {.in_child = [] {
                        const rlimit limit{20'000, 20'000};
                        ::setrlimit(RLIMIT_FSIZE, &limit);
                      }});
  EXPECT_EQ(ran.exit_code, 5);
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.err, HasSubstr("a.npy"));
  EXPECT_TRUE(std::filesystem::is_empty(folder / "out"));
  EXPECT_EQ(mel({a, "-o", "/dev/full"}).exit_code, 5);
  EXPECT_EQ(mel({a, "-o", folder / "no/such/folder.npy"}).exit_code, 5);
}

TEST(MelCommand, AClosedPipeEndsTheRunQuietly) {
  TempFolder folder;
  const std::string a = make_wav(folder / "a.wav"), b = make_wav(folder / "b.wav", 2);
  const Ran ran = mel({a, b, "-d", folder / "out", "-q"}, {.in_child = [] {
                        int ends[2];
                        if (::pipe(ends) != 0) ::_exit(126);
                        ::close(ends[0]);
                        ::dup2(ends[1], 1);
                      }});
  EXPECT_EQ(ran.exit_code, 141);
  EXPECT_EQ(ran.err, "");
}

TEST(MelCommand, ASignalEndsItWithItsCode) {
  TempFolder folder;
  ASSERT_EQ(::mkfifo((folder / "list").c_str(), 0600), 0);
  for (const int signal : {SIGINT, SIGTERM}) {
    // It waits for its list. Whether the signal comes before it reads or while it does, it ends.
    const Ran ran =
        mel({"-f", folder / "list", "-d", folder / "out"}, {.while_running = [&](pid_t child) {
              const int writer = ::open((folder / "list").c_str(), O_WRONLY);
              ::kill(child, signal);
              const auto old = ::signal(SIGPIPE, SIG_IGN);
              if (::write(writer, "none.wav\n", 9) < 0) {
                EXPECT_EQ(errno, EPIPE);
              }
              ::signal(SIGPIPE, old);
              ::close(writer);
            }});
    EXPECT_EQ(ran.exit_code, 128 + signal);
  }
}

}  // namespace
}  // namespace fluvox::cli
