#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "audio/sound_file.h"
#include "support/made_models.h"
#include "support/made_speech.h"
#include "support/run_program.h"

namespace fluvox::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using support::Ran;
using support::run_program;
using testing::HasSubstr;

class EvaluateCommand : public testing::Test {
 protected:
  EvaluateCommand() {
    fs::create_directories(folder_ / "in");
    fs::create_directories(folder_ / "copies");
    for (uint64_t seed = 1; seed < 4; ++seed)
      audio::write_sound(clip(seed), support::made_speech(22050, 1, seed), 22050);
    flow::Model made = support::small_compact();
    flow::write_model(model_, made.spec, made.tensors);
  }
  std::string clip(uint64_t n) const { return folder_ / "in" / ("c" + std::to_string(n) + ".wav"); }
  Ran evaluate(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {FLUVOX_PROGRAM, "evaluate"});
    return run_program(arguments);
  }
  static std::vector<json> lines(const Ran& ran) {
    std::vector<json> found;
    std::istringstream in(ran.out);
    for (std::string line; std::getline(in, line);) found.push_back(json::parse(line));
    return found;
  }
  void copy(uint64_t n, double gain) const {
    std::vector<float> samples = audio::read_sound(clip(n)).samples;
    for (float& x : samples) x = static_cast<float>(gain * x);
    audio::write_sound(folder_ / "copies" / ("c" + std::to_string(n) + ".wav"), samples, 22050,
                       audio::Encoding::f32);
  }

  support::TempFolder folder_;
  const std::string model_ = folder_ / "model.safetensors";
};

TEST_F(EvaluateCommand, ACopyThatIsTheRecordingIsNowhereFromIt) {
  copy(1, 1);
  const auto found = lines(evaluate({clip(1), "--copies", folder_ / "copies", "--json"}));
  ASSERT_EQ(found.size(), 2u);
  for (const char* key :
       {"log_mel_l1", "mcd", "stft_distance", "f0_cents", "voicing_error", "loudness_difference"})
    EXPECT_EQ(found[0][key], 0) << key;
  for (const char* key : {"periodicity", "envelope_periodicity", "tone"})
    EXPECT_EQ(found[0][key], found[0][std::string(key) + "_of_recording"]) << key;
  EXPECT_TRUE(found[0]["nats_per_sample"].is_null());
  EXPECT_TRUE(found[0]["x_real_time"].is_null());
}

TEST_F(EvaluateCommand, TheLoudnessOfAGainedCopyIsTheGain) {
  copy(1, 0.5);
  copy(2, 0.25);
  const auto found = lines(evaluate({clip(1), clip(2), "--copies", folder_ / "copies", "--json"}));
  ASSERT_EQ(found.size(), 3u);
  EXPECT_NEAR(found[0]["loudness_difference"].get<double>(), 20 * std::log10(0.5), 1e-6);
  EXPECT_NEAR(found[1]["loudness_difference"].get<double>(), 20 * std::log10(0.25), 1e-6);
  EXPECT_EQ(found[0]["f0_cents"], 0);
  EXPECT_EQ(found[2]["clips"], 2);
  EXPECT_NEAR(found[2]["mean"]["loudness_difference"].get<double>(), 20 * std::log10(0.5) * 1.5,
              1e-6);
  EXPECT_EQ(found[2]["mean"]["peak"], found[0]["peak"]);
}

TEST_F(EvaluateCommand, TheCopyIsWhatRenderMakesAndTheScoreWhatScoreSays) {
  const auto found =
      lines(evaluate({clip(1), "-m", model_, "--seed", "3", "-d", folder_ / "out", "--json"}));
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0]["copy"], (folder_ / "out/c1.wav").string());
  ASSERT_TRUE(fs::exists(folder_ / "out/c1.png"));
  run_program({FLUVOX_PROGRAM, "render", clip(1), "-m", model_, "--seed", "3", "-o",
               folder_ / "rendered.wav", "--encoding", "f32"});
  EXPECT_EQ(support::slurp(folder_ / "out/c1.wav"), support::slurp(folder_ / "rendered.wav"));
  const auto scored =
      json::parse(run_program({FLUVOX_PROGRAM, "score", clip(1), "-m", model_, "--json"}).out);
  EXPECT_EQ(found[0]["nats_per_sample"], scored["nats_per_sample"]);
  EXPECT_GT(found[0]["x_real_time"].get<double>(), 0);
  // The same copies again, from where they were written.
  const auto again = lines(evaluate({clip(1), "--copies", folder_ / "out", "--json"}));
  for (const char* key : {"log_mel_l1", "mcd", "stft_distance", "envelope_periodicity", "peak"})
    EXPECT_EQ(again[0][key], found[0][key]) << key;
}

TEST_F(EvaluateCommand, OfAManifestTheHeldOutClipsAreTaken) {
  run_program(
      {FLUVOX_PROGRAM, "prepare", folder_ / "in", "-d", folder_ / "prepared", "--held-out", "2"});
  const auto found = lines(evaluate({folder_ / "prepared/manifest.jsonl", "-m", model_, "--json"}));
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[2]["clips"], 2);
}

TEST_F(EvaluateCommand, TheTableHasALineAClipAndTheMeans) {
  copy(1, 1);
  copy(2, 1);
  const Ran ran = evaluate({clip(1), clip(2), "--copies", folder_ / "copies"});
  EXPECT_EQ(ran.exit_code, 0);
  std::istringstream in(ran.out);
  std::vector<std::string> found;
  for (std::string line; std::getline(in, line);) found.push_back(line);
  ASSERT_EQ(found.size(), 4u);
  EXPECT_THAT(found[0], HasSubstr("MCD dB"));
  EXPECT_EQ(found[1].substr(0, 3), "c1 ");
  EXPECT_EQ(found[3].substr(0, 5), "mean ");
  for (const std::string& line : found) EXPECT_EQ(line.size(), found[0].size());
}

TEST_F(EvaluateCommand, WhatCannotBeComparedIsRefused) {
  EXPECT_THAT(evaluate({clip(1), "--copies", folder_ / "copies"}).err,
              HasSubstr("expected a copy c1"));
  audio::write_sound(folder_ / "copies/c1.wav", support::made_speech(22050, 2, 1), 22050);
  const Ran longer = evaluate({clip(1), "--copies", folder_ / "copies"});
  EXPECT_EQ(longer.exit_code, 3);
  EXPECT_THAT(longer.err, HasSubstr("expected a copy of its length"));
  const std::string before = support::slurp(clip(1));
  EXPECT_EQ(evaluate({clip(1), "-m", model_, "-d", folder_ / "in"}).exit_code, 2);
  EXPECT_EQ(support::slurp(clip(1)), before);
  run_program({FLUVOX_PROGRAM, "prepare", folder_ / "in", "-d", folder_ / "p", "--held-out-list",
               "/dev/null"});
  EXPECT_EQ(evaluate({folder_ / "none.jsonl", "-m", model_}).exit_code, 3);
}

}  // namespace
}  // namespace fluvox::cli
