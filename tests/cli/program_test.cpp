// What every command shares: exit codes, stdout for data, stderr for words, help, signals, pipes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "fluvox_version.h"
#include "support/run_program.h"

namespace fluvox::cli {
namespace {

using support::Ran;
using support::run_program;
using support::RunWith;
using support::spill;
using support::TempFolder;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Ran fluvox(std::vector<std::string> arguments, const RunWith& with = {}) {
  arguments.insert(arguments.begin(), FLUVOX_PROGRAM);
  return run_program(arguments, with);
}

// The commands as the help lists them: the lines after "Commands:" that are indented by two.
std::vector<std::string> commands() {
  std::istringstream help(fluvox({"--help"}).out);
  std::vector<std::string> found;
  bool listed = false;
  for (std::string line; std::getline(help, line);) {
    if (line == "Commands:") {
      listed = true;
    } else if (listed && line.size() > 2 && line.substr(0, 2) == "  " && line[2] != ' ') {
      found.push_back(line.substr(2, line.find(' ', 2) - 2));
    }
  }
  return found;
}

TEST(Program, HelpListsTheCommandsOnStdout) {
  const Ran ran = fluvox({"--help"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.err, "");
  EXPECT_THAT(commands(), testing::IsSupersetOf({"mel", "plot", "train"}));
}

TEST(Program, EveryCommandHelpsWithAnExample) {
  const std::vector<std::string> all = commands();
  ASSERT_GE(all.size(), 3U);
  for (const std::string& command : all) {
    // Helped by the program that they are handed to, which a build without training lacks.
    if (command == "train" || command == "distill") continue;
    const Ran ran = fluvox({command, "--help"});
    EXPECT_EQ(ran.exit_code, 0) << command;
    EXPECT_EQ(ran.err, "") << command;
    EXPECT_THAT(ran.out, HasSubstr("Examples:\n  fluvox " + command));
    EXPECT_EQ(fluvox({command, "-h"}).out, ran.out);
  }
}

TEST(Program, NoArgumentsIsAMistakeAnsweredWithTheHelp) {
  const Ran ran = fluvox({});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(ran.err, fluvox({"--help"}).out);
}

TEST(Program, Version) {
  const Ran ran = fluvox({"--version"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.out, StartsWith("fluvox " FLUVOX_VERSION " (commit " FLUVOX_COMMIT ")\n"));
  EXPECT_THAT(ran.out, HasSubstr("processor: "));
}

TEST(Program, UnknownCommandsAndFlagsGetTheNearest) {
  const Ran command = fluvox({"mle", "a.wav"});
  EXPECT_EQ(command.exit_code, 2);
  EXPECT_EQ(command.out, "");
  EXPECT_EQ(command.err, "error: unknown command 'mle' (did you mean 'mel'?); see fluvox --help\n");

  const Ran flag = fluvox({"mel", "a.wav", "--convenion=x", "-o", "a.npy"});
  EXPECT_EQ(flag.exit_code, 2);
  EXPECT_EQ(flag.err,
            "error: unknown flag '--convenion' (did you mean '--convention'?); see fluvox mel "
            "--help\n");

  EXPECT_THAT(fluvox({"--hepl"}).err, HasSubstr("(did you mean '--help'?)"));
  EXPECT_THAT(fluvox({"qqqqqq"}).err, Not(HasSubstr("did you mean")));
  EXPECT_EQ(fluvox({"--progress", "none", "mel"}).exit_code, 2);
}

TEST(Program, OtherMistakesAreUsageToo) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"mel"},
                                             {"mel", "a.wav"},
                                             {"mel", "a.wav", "-o"},
                                             {"mel", "a.wav", "-o", "a.npy", "-d", "folder"},
                                             {"mel", "a.wav", "b.wav", "-o", "a.npy"},
                                             {"mel", "a.wav", "-o", "-"},
                                             {"mel", "a.wav", "-o", "a.npy", "--threads", "x"},
                                             {"mel", "a.wav", "-o", "a.npy", "--threads", "-1"},
                                             {"mel", "a.wav", "-o", "a.npy", "--progress", "x"},
                                             {"plot", "a", "b", "c", "-o", "x.png"},
                                             {"plot", "a.wav"}}) {
    const Ran ran = fluvox(arguments);
    EXPECT_EQ(ran.exit_code, 2) << testing::PrintToString(arguments);
    EXPECT_EQ(ran.out, "");
    EXPECT_THAT(ran.err, StartsWith("error: "));
    EXPECT_THAT(ran.err, EndsWith("\n"));
  }
}

TEST(Program, WithJsonTheErrorIsOneObject) {
  for (const auto& [arguments, code] :
       std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"mle", "--json"}, "command-unknown"},
           {{"mel", "--json", "--nope", "a"}, "flag-unknown"},
           {{"mel", "--json"}, "usage"}}) {
    const Ran ran = fluvox(arguments);
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_EQ(ran.out, "");
    const auto error = nlohmann::json::parse(ran.err);
    EXPECT_EQ(error["error"]["code"], code);
    EXPECT_FALSE(error["error"]["message"].get<std::string>().empty());
  }
  // After "--" it is a file's name.
  EXPECT_THAT(fluvox({"mel", "-o", "x.npy", "--", "--json"}).err, Not(StartsWith("{")));
}

TEST(Program, AClosedPipeEndsItQuietly) {
  const Ran ran = fluvox({"--help"}, {.in_child = [] {
                           int ends[2];
                           if (::pipe(ends) != 0) ::_exit(126);
                           ::close(ends[0]);
                           ::dup2(ends[1], 1);
                         }});
  EXPECT_EQ(ran.exit_code, 141);
  EXPECT_EQ(ran.err, "");
}

TEST(Program, AFullStdoutIsAnError) {
  const Ran ran = fluvox({"--help"}, {.out = "/dev/full"});
  EXPECT_EQ(ran.exit_code, 5);
  EXPECT_THAT(ran.err, HasSubstr("standard output"));
}

TEST(Program, WithoutATrainingSideTrainSaysSo) {
  TempFolder folder;
  const std::string copy = folder / "fluvox";
  std::filesystem::copy_file(FLUVOX_PROGRAM, copy);
  const RunWith bare{.in_child = [] { ::setenv("PATH", "/nonexistent", 1); }};
  const Ran absent = run_program({copy, "train", "x.toml"}, bare);
  EXPECT_EQ(absent.exit_code, 2);
  EXPECT_EQ(absent.out, "");
  EXPECT_THAT(absent.err, HasSubstr("'train' needs fluvox-train"));
  EXPECT_THAT(absent.err, HasSubstr("-DFLUVOX_TRAINING=ON"));
  EXPECT_EQ(std::count(absent.err.begin(), absent.err.end(), '\n'), 1);
}

TEST(Program, TrainIsHandedToTheProgramBesideIt) {
  TempFolder folder;
  const std::string copy = folder / "fluvox";
  std::filesystem::copy_file(FLUVOX_PROGRAM, copy);
  spill(folder / "fluvox-train", "#!/bin/sh\nprintf '%s|' \"$@\"\nexit 7\n");
  std::filesystem::permissions(folder / "fluvox-train", std::filesystem::perms::owner_all);
  const Ran ran = run_program({copy, "train", "a b.toml", "--set", "x=1", "--help"});
  EXPECT_EQ(ran.exit_code, 7);
  EXPECT_EQ(ran.out, "train|a b.toml|--set|x=1|--help|");
}

}  // namespace
}  // namespace fluvox::cli
