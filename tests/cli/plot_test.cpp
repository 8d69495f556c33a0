#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audio/sound_file.h"
#include "support/made_speech.h"
#include "support/run_program.h"

namespace fluvox::cli {
namespace {

using support::Ran;
using support::run_program;
using support::slurp;
using support::TempFolder;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kPng = "\x89PNG\r\n\x1a\n";

class PlotCommand : public testing::Test {
 protected:
  void SetUp() override {
    audio::write_sound(folder_ / "a.wav", support::MadeSpeech(22050, 1).make(0.4), 22050);
    audio::write_sound(folder_ / "b.wav", support::MadeSpeech(16000, 2).make(0.3), 16000);
  }
  Ran plot(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {FLUVOX_PROGRAM, "plot"});
    return run_program(arguments);
  }
  // Width and height as the PNG's header has them.
  static std::pair<int, int> size_of(const std::string& png) {
    const auto number = [&](size_t at) {
      int value = 0;
      for (size_t i = at; i < at + 4; ++i)
        value = value << 8 | static_cast<unsigned char>(png.at(i));
      return value;
    };
    return {number(16), number(20)};
  }

  TempFolder folder_;
};

TEST_F(PlotCommand, EveryKindOfPicture) {
  ASSERT_EQ(
      run_program({FLUVOX_PROGRAM, "mel", folder_ / "a.wav", "-o", folder_ / "a.npy"}).exit_code,
      0);
  const std::string out = folder_ / "out.png";
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{folder_ / "a.wav"},
                                             {folder_ / "a.wav", folder_ / "b.wav"},
                                             {folder_ / "a.wav", "--pitch"},
                                             {folder_ / "a.npy"},
                                             {folder_ / "a.npy", folder_ / "a.npy"},
                                             {folder_ / "a.npy", folder_ / "b.wav"},
                                             {folder_ / "b.wav", folder_ / "a.npy"}}) {
    std::vector<std::string> all = arguments;
    all.insert(all.end(), {"-o", out});
    const Ran ran = plot(all);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_EQ(ran.err, "");
    EXPECT_EQ(ran.out, out + "\n");
    const std::string png = slurp(out);
    EXPECT_THAT(png, StartsWith(kPng));
    EXPECT_EQ(size_of(png).first, 1200);
    EXPECT_GT(size_of(png).second, 100);
    std::filesystem::remove(out);
  }
}

TEST_F(PlotCommand, MelsOfTwoConventionsAreComparedOrRefusedByTheDifference) {
  const auto mel = [&](const std::string& name, const std::string& set) {
    const Ran ran =
        run_program({FLUVOX_PROGRAM, "mel", folder_ / "a.wav", "-o", folder_ / name, "--set", set});
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
  };
  mel("ln.npy", "log=ln");
  mel("log10.npy", "log=log10");
  mel("narrow.npy", "fmax=7600");
  const std::string out = folder_ / "out.png";
  EXPECT_EQ(plot({folder_ / "ln.npy", folder_ / "log10.npy", "-o", out}).exit_code, 0);
  const Ran ran = plot({folder_ / "ln.npy", folder_ / "narrow.npy", "-o", folder_ / "x.png"});
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_THAT(ran.err, HasSubstr("fmax 7600 against 8000"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "x.png"));
}

TEST_F(PlotCommand, ToStdout) {
  const Ran ran = plot({folder_ / "a.wav", "-o", "-"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.out, StartsWith(kPng));
}

TEST_F(PlotCommand, Refusals) {
  EXPECT_EQ(plot({folder_ / "none.wav", "-o", folder_ / "x.png"}).exit_code, 3);
  EXPECT_EQ(plot({folder_ / "a.wav", "-o", "/dev/full"}).exit_code, 5);
  EXPECT_EQ(plot({folder_ / "a.wav", "-o", folder_ / "no/x.png"}).exit_code, 5);
  const Ran two = plot({folder_ / "a.wav", folder_ / "b.wav", "--pitch", "-o", folder_ / "x.png"});
  EXPECT_EQ(two.exit_code, 2);
  EXPECT_THAT(two.err, HasSubstr("--pitch takes one recording"));
  EXPECT_EQ(plot({folder_ / "a.npy", folder_ / "b.wav", "-o", folder_ / "x.png"}).exit_code, 3);
  const Ran pitch = plot({folder_ / "a.npy", "--pitch", "-o", folder_ / "x.png"});
  EXPECT_EQ(pitch.exit_code, 2);
  EXPECT_THAT(pitch.err, HasSubstr("a.npy is a mel"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "x.png"));
}

}  // namespace
}  // namespace fluvox::cli
