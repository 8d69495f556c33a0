// fluvox encode and decode.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "audio/sound_file.h"
#include "mel/npy.h"
#include "runtime/session.h"
#include "support/made_models.h"
#include "support/made_speech.h"
#include "support/run_program.h"

namespace fluvox::cli {
namespace {

namespace fs = std::filesystem;
using support::Ran;
using support::run_program;
using support::slurp;
using testing::HasSubstr;
using testing::Not;

class LatentTools : public testing::Test {
 protected:
  LatentTools() {
    const flow::Model made = support::small_waveglow();
    flow::write_model(model_, made.spec, made.tensors);
    audio::write_sound(a_, support::made_speech(22050, 0.3011, 3), 22050);
    audio::write_sound(b_, support::made_speech(22050, 0.2, 4), 22050);
  }

  Ran fluvox(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), FLUVOX_PROGRAM);
    return run_program(arguments);
  }
  // With the small model.
  Ran with_model(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"-m", model_});
    return fluvox(arguments);
  }
  std::string at(const std::string& name) const { return folder_ / name; }
  void encode_both() const {
    ASSERT_EQ(with_model({"encode", a_, b_, "-d", at("z")}).exit_code, 0);
  }
  static std::vector<float> samples(const std::string& path) {
    return audio::read_sound(path).samples;
  }

  support::TempFolder folder_;
  const std::string model_ = folder_ / "model.safetensors", a_ = folder_ / "a.wav",
                    b_ = folder_ / "b.wav";
};

TEST_F(LatentTools, GiveBackTheFile) {
  const Ran encoded = with_model({"encode", a_, "-o", at("a.safetensors"), "--json"});
  EXPECT_EQ(encoded.exit_code, 0);
  const auto result = nlohmann::json::parse(encoded.out);
  EXPECT_EQ(result["samples"].get<size_t>(), samples(a_).size());
  EXPECT_EQ(result["differing"].get<int>(), 0);
  EXPECT_LT(result["max_error_in_steps"].get<double>(), 0.5);
  EXPECT_GT(result["max_error"].get<double>(), 0);
  const Ran decoded = with_model({"decode", at("a.safetensors"), "-o", at("copy.wav")});
  EXPECT_EQ(decoded.exit_code, 0);
  EXPECT_EQ(decoded.out, at("copy.wav") + "\n");
  EXPECT_TRUE(slurp(at("copy.wav")) == slurp(a_));
}

TEST_F(LatentTools, GoThroughManyAndNameWhatIsBad) {
  support::spill(at("bad.wav"), "not sound");
  const Ran encoded = with_model({"encode", a_, at("bad.wav"), b_, "-d", at("z")});
  EXPECT_EQ(encoded.exit_code, 1);
  EXPECT_THAT(encoded.err, HasSubstr("bad.wav"));
  const Ran decoded =
      with_model({"decode", at("z/a.safetensors"), at("z/b.safetensors"), "-d", at("out")});
  EXPECT_EQ(decoded.exit_code, 0);
  EXPECT_TRUE(slurp(at("out/a.wav")) == slurp(a_));
  EXPECT_TRUE(slurp(at("out/b.wav")) == slurp(b_));
}

TEST_F(LatentTools, KeepZAloneInAnNpy) {
  EXPECT_EQ(with_model({"encode", a_, "-o", at("z.npy")}).exit_code, 0);
  const mel::NpyArray z = mel::read_npy(at("z.npy"));
  const size_t frames = (samples(a_).size() + 15) / 16;
  EXPECT_EQ(z.shape, (std::vector<size_t>{8, 2 * frames}));
  // Whole frames: the rest of the last one is what it was filled up with.
  EXPECT_EQ(with_model({"decode", at("z.npy"), "--mel", a_, "-o", at("copy.wav")}).exit_code, 0);
  const auto copy = samples(at("copy.wav")), original = samples(a_);
  EXPECT_EQ(copy.size(), frames * 16);
  const Ran bare = with_model({"decode", at("z.npy"), "-o", at("other.wav")});
  EXPECT_EQ(bare.exit_code, 2);
  EXPECT_THAT(bare.err, HasSubstr("--mel"));
  const Ran wrong = with_model({"decode", at("z.npy"), "--mel", b_, "-o", at("other.wav")});
  EXPECT_EQ(wrong.exit_code, 3);
  EXPECT_FALSE(fs::exists(at("other.wav")));
}

TEST_F(LatentTools, EncodeWithAMelFromAFile) {
  ASSERT_EQ(fluvox({"mel", a_, "-o", at("a.npy"), "--set", "fft=64", "--set", "window=64", "--set",
                    "hop=16", "--set", "bands=8", "--set", "name=small"})
                .exit_code,
            0);
  EXPECT_EQ(with_model({"encode", a_, "--mel", at("a.npy"), "-o", at("a.safetensors")}).exit_code,
            0);
  EXPECT_EQ(with_model({"decode", at("a.safetensors"), "-o", at("copy.wav")}).exit_code, 0);
  EXPECT_TRUE(slurp(at("copy.wav")) == slurp(a_));
  EXPECT_EQ(with_model({"encode", a_, b_, "--mel", at("a.npy"), "-d", at("z")}).exit_code, 2);
}

TEST_F(LatentTools, GoFromOneRecordingToAnother) {
  encode_both();
  const auto towards = [&](const std::string& amount, const std::string& out) {
    return with_model({"decode", at("z/a.safetensors"), "--towards", at("z/b.safetensors"),
                       "--amount", amount, "-o", out});
  };
  EXPECT_EQ(towards("0", at("0.wav")).exit_code, 0);
  EXPECT_EQ(towards("1", at("1.wav")).exit_code, 0);
  EXPECT_EQ(towards("0.5", at("half.wav")).exit_code, 0);
  const auto a = samples(a_), b = samples(b_), zero = samples(at("0.wav")),
             one = samples(at("1.wav"));
  EXPECT_TRUE(one == b);
  // Of the shorter length; the nets hear what follows, so the end may differ.
  ASSERT_EQ(zero.size(), b.size());
  EXPECT_TRUE(std::equal(zero.begin(), zero.end() - 128, a.begin()));
  const auto half = samples(at("half.wav"));
  EXPECT_FALSE(half == zero);
  EXPECT_FALSE(half == one);
}

TEST_F(LatentTools, ShiftAlongADifferenceOfMeans) {
  encode_both();
  const std::string a = at("z/a.safetensors"), b = at("z/b.safetensors");
  // From a set to itself: nothing.
  EXPECT_EQ(
      with_model({"decode", a, "-o", at("same.wav"), "--shift-from", a, b, "--shift-to", b, a})
          .exit_code,
      0);
  EXPECT_TRUE(slurp(at("same.wav")) == slurp(a_));
  EXPECT_EQ(with_model({"decode", a, "-o", at("none.wav"), "--shift-from", a, "--shift-to", b,
                        "--amount", "0"})
                .exit_code,
            0);
  EXPECT_TRUE(slurp(at("none.wav")) == slurp(a_));
  EXPECT_EQ(with_model({"decode", a, "-o", at("moved.wav"), "--shift-from", a, "--shift-to", b})
                .exit_code,
            0);
  EXPECT_FALSE(slurp(at("moved.wav")) == slurp(a_));
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"--amount", "1"},
        {"--shift-from", a},
        {"--shift-from", a, "--shift-to", b, "--towards", b}}) {
    std::vector<std::string> command = {"decode", a, "-o", at("x.wav")};
    command.insert(command.end(), flags.begin(), flags.end());
    EXPECT_EQ(with_model(command).exit_code, 2) << flags[0];
  }
  EXPECT_FALSE(fs::exists(at("x.wav")));
}

TEST_F(LatentTools, RefuseAnotherShapeAndWarnOfAnotherModel) {
  encode_both();
  const flow::Model compact = support::small_compact(), sibling = support::small_waveglow(2);
  flow::write_model(at("compact.safetensors"), compact.spec, compact.tensors);
  flow::write_model(at("sibling.safetensors"), sibling.spec, sibling.tensors);
  const Ran refused =
      fluvox({"decode", at("z/a.safetensors"), "-m", at("compact.safetensors"), "-o", at("x.wav")});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.err, HasSubstr("z of 16 channels"));
  EXPECT_FALSE(fs::exists(at("x.wav")));
  const Ran warned =
      fluvox({"decode", at("z/a.safetensors"), "-m", at("sibling.safetensors"), "-o", at("x.wav")});
  EXPECT_EQ(warned.exit_code, 0);
  EXPECT_THAT(warned.err, HasSubstr("another model"));
  EXPECT_THAT(with_model({"decode", at("z/a.safetensors"), "-o", at("y.wav")}).err,
              Not(HasSubstr("another model")));
  EXPECT_EQ(with_model({"decode", model_, "-o", at("y.wav")}).exit_code, 3);
}

// Real speech through the voice in the box, in float.
TEST(ShippedVoice, GivesBackARecordingToTheLastBit) {
  const fs::path models = fs::path(FLUVOX_SOURCE_DIR) / "models" / "pretrained";
  const support::TempFolder folder;
  const std::string sample = models / "sample-lj.flac", voice = models / "compact.safetensors",
                    latents = folder / "z.safetensors", copy = folder / "copy.wav";
  const Ran encoded =
      run_program({FLUVOX_PROGRAM, "encode", sample, "-m", voice, "-o", latents, "--json"});
  ASSERT_EQ(encoded.exit_code, 0);
  EXPECT_EQ(nlohmann::json::parse(encoded.out)["differing"].get<int>(), 0);
  EXPECT_LT(nlohmann::json::parse(encoded.out)["max_error_in_steps"].get<double>(), 0.25);
  ASSERT_EQ(run_program({FLUVOX_PROGRAM, "decode", latents, "-m", voice, "-o", copy}).exit_code, 0);
  EXPECT_TRUE(audio::read_sound(copy).samples == audio::read_sound(sample).samples);
}

// And made speech of some readers that it has not heard.
TEST(ShippedVoice, GivesBackMadeSpeechToTheLastBit) {
  const fs::path models = fs::path(FLUVOX_SOURCE_DIR) / "models" / "pretrained";
  const support::TempFolder folder;
  const std::string voice = models / "compact.safetensors";
  std::vector<std::string> encode = {FLUVOX_PROGRAM, "encode", "-m", voice, "-d", folder / "z"},
                           decode = {FLUVOX_PROGRAM, "decode", "-m", voice, "-d", folder / "out"};
  for (const std::string name : {"1", "2", "3"}) {
    audio::write_sound(folder / (name + ".wav"), support::made_speech(22050, 1.01, name[0]), 22050);
    encode.push_back(folder / (name + ".wav"));
    decode.push_back(folder / ("z/" + name + ".safetensors"));
  }
  ASSERT_EQ(run_program(encode).exit_code, 0);
  ASSERT_EQ(run_program(decode).exit_code, 0);
  for (const std::string name : {"1", "2", "3"})
    EXPECT_TRUE(slurp(folder / (name + ".wav")) == slurp(folder / ("out/" + name + ".wav")))
        << name;
}

}  // namespace
}  // namespace fluvox::cli
