#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <nlohmann/json.hpp>

#include "audio/sound_file.h"
#include "support/made_speech.h"
#include "support/run_program.h"

namespace fluvox::cli {
namespace {

namespace fs = std::filesystem;
using support::Ran;
using support::run_program;
using support::RunWith;
using support::spill;
using testing::HasSubstr;
using testing::Not;

class PrepareCommand : public testing::Test {
 protected:
  PrepareCommand() {
    fs::create_directories(in());
    for (uint64_t seed = 1; seed < 5; ++seed)
      audio::write_sound(in() / ("c" + std::to_string(seed) + ".wav"),
                         support::made_speech(22050, 0.8, seed), 22050);
    spill(in() / "bad.wav", "no sound");
  }
  fs::path in() const { return folder_.path() / "in"; }
  std::string out() const { return folder_ / "out"; }
  Ran prepare(std::vector<std::string> arguments, const RunWith& with = {}) const {
    arguments.insert(arguments.begin(), {FLUVOX_PROGRAM, "prepare", in(), "-d", out()});
    return run_program(arguments, with);
  }
  support::TempFolder folder_;
};

TEST_F(PrepareCommand, SaysWhereTheManifestIsAndWhatWasRejected) {
  const Ran ran = prepare({"--held-out", "1"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.out, out() + "/manifest.jsonl\n");
  EXPECT_THAT(ran.err, HasSubstr("rejected: "));
  EXPECT_THAT(ran.err, HasSubstr("folder: 4 clips, 0.1 minutes; 1 held out, 1 rejected (1 "));
}

TEST_F(PrepareCommand, JsonIsOneLineOfFigures) {
  const auto figures = nlohmann::json::parse(
      prepare({"--json", "--trim", "--rate", "16000", "--held-out", "2"}).out);
  EXPECT_EQ(figures["output"], out() + "/manifest.jsonl");
  EXPECT_EQ(figures["kind"], "folder");
  EXPECT_EQ(figures["clips"], 4);
  EXPECT_EQ(figures["held_out"], 2);
  EXPECT_EQ(figures["rejected"]["sound-unreadable"], 1);
  EXPECT_EQ(nlohmann::json::parse(prepare({"--json", "--trim", "--rate", "16000"}).out)["known"],
            5);
}

TEST_F(PrepareCommand, UsageErrors) {
  EXPECT_EQ(run_program({FLUVOX_PROGRAM, "prepare", in()}).exit_code, 2);
  EXPECT_EQ(prepare({"--normalize", "loud"}).exit_code, 2);
  for (const char* folder : {"in", "in/deeper/out"})
    EXPECT_EQ(
        run_program({FLUVOX_PROGRAM, "prepare", in(), "-d", folder_ / folder, "--trim"}).exit_code,
        2);
  EXPECT_EQ(run_program({FLUVOX_PROGRAM, "prepare", in(), "-d", in()}).exit_code, 0);
  EXPECT_EQ(prepare({"--kind", "ljspeech"}).exit_code, 3);
  EXPECT_EQ(run_program({FLUVOX_PROGRAM, "prepare", "/no/such", "-d", out()}).exit_code, 3);
}

TEST_F(PrepareCommand, AFullDiskEndsItWithoutAManifest) {
  const Ran ran = prepare({"--trim", "--format", "wav"}, {.in_child = [] {
                            const rlimit limit{20'000, 20'000};
                            ::setrlimit(RLIMIT_FSIZE, &limit);
                          }});
  EXPECT_EQ(ran.exit_code, 5);
  EXPECT_FALSE(fs::exists(out() + "/manifest.jsonl"));
  EXPECT_TRUE(fs::is_empty(out() + "/clips"));
  EXPECT_EQ(prepare({"--trim", "--format", "wav"}).exit_code, 0);
}

}  // namespace
}  // namespace fluvox::cli
