// What tools/make-corpus makes: the speech of known density, and that of espeak-ng.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "audio/sound_file.h"
#include "mel/npy.h"
#include "support/oracles/speech.h"
#include "support/run_program.h"

namespace fluvox::oracles {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using support::run_program;
using support::slurp;

constexpr double kLevel = 0.25;

std::vector<json> optimum(const fs::path& folder) {
  std::vector<json> found;
  std::istringstream in(slurp(folder / "optimum.jsonl"));
  for (std::string line; std::getline(in, line);) found.push_back(json::parse(line));
  return found;
}

void make(const fs::path& folder, const std::string& seed) {
  const auto ran = run_program({FLUVOX_ORACLE_SPEECH, folder, "5", "3", seed});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
}

// Read back from the files alone: the samples, and features rounded to float.
TEST(OracleSpeech, TheNatsAreThoseOfTheFiles) {
  const support::TempFolder folder;
  make(folder.path(), "3");
  const auto lines = optimum(folder.path());
  ASSERT_EQ(lines.size(), 5u);
  for (const json& line : lines) {
    const std::string name = line["name"];
    const audio::Sound sound = audio::read_sound(folder / ("wavs/" + name + ".wav"));
    const mel::NpyArray features = mel::read_npy(folder / ("features/" + name + ".npy"));
    EXPECT_EQ(sound.rate, 8000);
    Clip clip;
    clip.bands = static_cast<int>(features.shape[0]);
    clip.frames = static_cast<int>(features.shape[1]);
    clip.features.assign(features.values.begin(), features.values.end());
    for (const float y : sound.samples) clip.x.push_back(y / kLevel);
    ASSERT_EQ(clip.x.size(), static_cast<size_t>(clip.frames) * 256);
    EXPECT_EQ(line["samples"], clip.x.size());
    double nats = 0;
    for (const double log_p : SourceFilterSpeech(256).log_density(clip))
      nats += log_p - std::log(kLevel);
    const auto count = static_cast<double>(clip.x.size());
    EXPECT_NEAR(line["nats_per_sample"].get<double>(), nats / count, 1e-6);
    EXPECT_NEAR(line["nats"].get<double>(), nats, 1e-6 * count);
    // ln p of a Gaussian sample varies by 1/2.
    EXPECT_NEAR(line["nats_per_sample"].get<double>(),
                line["expected_nats_per_sample"].get<double>(), 4 * std::sqrt(0.5 / count));
    float peak = 0;
    for (const float y : sound.samples) peak = std::max(peak, std::fabs(y));
    EXPECT_LT(peak, 1);
  }
}

TEST(OracleSpeech, IsOfItsSeed) {
  const support::TempFolder folder;
  for (const auto& [name, seed] : {std::pair{"a", "3"}, {"b", "3"}, {"c", "4"}})
    make(folder / name, seed);
  const auto wav = [&](const char* name) {
    return slurp(folder / (std::string(name) + "/wavs/oracle-000002.wav"));
  };
  EXPECT_EQ(wav("a"), wav("b"));
  EXPECT_NE(wav("a"), wav("c"));
  EXPECT_EQ(slurp(folder / "a/optimum.jsonl"), slurp(folder / "b/optimum.jsonl"));
  EXPECT_EQ(run_program({FLUVOX_ORACLE_SPEECH, folder / "d", "0", "3", "1"}).exit_code, 2);
  EXPECT_EQ(run_program({FLUVOX_ORACLE_SPEECH, folder / "d"}).exit_code, 2);
}

TEST(MakeCorpus, SpeaksTheSameForOneSeedAndGrows) {
  if (std::system("command -v espeak-ng >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "espeak-ng is not installed";
  const support::TempFolder folder;
  const auto run = [&](const std::string& to, const std::string& minutes, const std::string& seed) {
    return run_program({"/usr/bin/env", "python3", FLUVOX_SOURCE_DIR "/tools/make-corpus", "-d",
                        folder / to, "--engines", "espeak-ng", "--minutes", minutes, "--seed",
                        seed});
  };
  const auto ran = run("a", "0.1", "1");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out, (folder / "a").string() + "\n");
  run("b", "0.2", "1");
  run("c", "0.1", "2");
  const std::string shorter = slurp(folder / "a/metadata.csv"),
                    longer = slurp(folder / "b/metadata.csv");
  EXPECT_EQ(longer.substr(0, shorter.size()), shorter);
  EXPECT_GT(longer.size(), shorter.size());
  EXPECT_NE(slurp(folder / "c/metadata.csv"), shorter);
  double seconds = 0;
  size_t clips = 0;
  for (const auto& entry : fs::directory_iterator(folder / "a/wavs")) {
    const audio::Sound sound = audio::read_sound(entry.path());
    seconds += static_cast<double>(sound.samples.size()) / sound.rate;
    EXPECT_EQ(slurp(entry.path()), slurp((folder / "b/wavs") / entry.path().filename()));
    ++clips;
  }
  EXPECT_EQ(std::count(shorter.begin(), shorter.end(), '\n'), static_cast<long>(clips));
  EXPECT_GT(seconds, 6);
  EXPECT_LT(seconds, 16);
  // And on: what is there is not made again.
  run("a", "0.2", "1");
  EXPECT_EQ(slurp(folder / "a/metadata.csv"), longer);
}

}  // namespace
}  // namespace fluvox::oracles
