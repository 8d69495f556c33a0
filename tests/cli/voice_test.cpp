// The commands that use a model: render, score, info, play.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "audio/loudness.h"
#include "audio/sound_file.h"
#include "core/sha256.h"
#include "import/made_torch.h"
#include "kernels/noise.h"
#include "mel/mel_file.h"
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

class Voice : public testing::Test {
 protected:
  Voice() {
    flow::Model made = support::small_compact();
    flow::write_model(model_, made.spec, made.tensors);
    audio::write_sound(wav_, support::made_speech(22050, 0.4, 3), 22050);
  }

  Ran fluvox(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), FLUVOX_PROGRAM);
    return run_program(arguments);
  }
  std::string at(const std::string& name) const { return folder_ / name; }

  support::TempFolder folder_;
  const std::string model_ = folder_ / "model.safetensors", wav_ = folder_ / "speech.wav";
};

// All of a mel is looked at before its first sample goes out.
TEST_F(Voice, AMelWithABadEndGivesNoSoundAtAll) {
  const mel::Convention convention = support::small_convention();
  mel::Mel mel = mel::analyse(support::made_speech(22050, 3, 3), convention);
  mel::write_mel(at("mel.npy"), mel, convention);
  const Ran good = fluvox({"render", at("mel.npy"), "-m", model_, "-o", "-"});
  EXPECT_EQ(good.exit_code, 0);
  EXPECT_GT(good.out.size(), 100'000U);
  mel.values.back() = std::numeric_limits<float>::quiet_NaN();
  mel::write_mel(at("mel.npy"), mel, convention);
  const Ran bad = fluvox({"render", at("mel.npy"), "-m", model_, "-o", "-"});
  EXPECT_EQ(bad.exit_code, 3);
  EXPECT_EQ(bad.out, "");
  EXPECT_THAT(bad.err, HasSubstr(text("[7, ", mel.frames - 1, "]")));
}

TEST_F(Voice, OneSeedIsOneResultAtAnyNumberOfThreads) {
  EXPECT_EQ(
      fluvox({"render", wav_, "-m", model_, "-o", at("a.wav"), "--seed", "5", "--threads", "1"})
          .exit_code,
      0);
  EXPECT_EQ(
      fluvox({"render", wav_, "-m", model_, "-o", at("b.wav"), "--seed", "5", "--threads", "3"})
          .exit_code,
      0);
  EXPECT_EQ(fluvox({"render", wav_, "-m", model_, "-o", at("c.wav"), "--seed", "6"}).exit_code, 0);
  EXPECT_EQ(slurp(at("a.wav")), slurp(at("b.wav")));
  EXPECT_NE(slurp(at("a.wav")), slurp(at("c.wav")));
}

TEST_F(Voice, AnItemSoundsTheSameAloneAndInCompany) {
  fs::copy(wav_, at("other.wav"));
  fs::create_directories(at("many"));
  EXPECT_EQ(fluvox({"render", wav_, "-m", model_, "-o", at("alone.wav")}).exit_code, 0);
  EXPECT_EQ(fluvox({"render", at("other.wav"), wav_, "-m", model_, "-d", at("many")}).exit_code, 0);
  EXPECT_EQ(slurp(at("alone.wav")), slurp(at("many/speech.wav")));
  EXPECT_NE(slurp(at("alone.wav")), slurp(at("many/other.wav")));
}

TEST_F(Voice, AMelGivesWhatItsRecordingGivesAndFramesTimesHopSamples) {
  EXPECT_EQ(fluvox({"mel", wav_, "-o", at("speech.npy"), "--set", "fft=64", "--set", "window=64",
                    "--set", "hop=16", "--set", "bands=8", "--set", "name=small"})
                .exit_code,
            0);
  EXPECT_EQ(fluvox({"render", at("speech.npy"), "-m", model_, "-o", at("a.wav")}).exit_code, 0);
  EXPECT_EQ(fluvox({"render", wav_, "-m", model_, "-o", at("b.wav")}).exit_code, 0);
  EXPECT_EQ(slurp(at("a.wav")), slurp(at("b.wav")));
  const size_t frames = audio::read_sound(wav_).samples.size() / 16 + 1;
  EXPECT_EQ(audio::read_sound(at("a.wav")).samples.size(), frames * 16);
}

TEST_F(Voice, AMelSavedByTorchGivesWhatTheSameArrayGives) {
  const runtime::Session session(flow::read_model(model_));
  const mel::Mel mel = session.analyse(audio::read_sound(wav_).samples);
  mel::write_mel(at("speech.npy"), mel, session.convention());
  namespace made = imports::made;
  const auto count = static_cast<int64_t>(mel.values.size());
  const std::string bytes(reinterpret_cast<const char*>(mel.values.data()), mel.values.size() * 4);
  // [bands, frames] over the frame-major values, as a transposed tensor is saved
  support::spill(at("speech.pt"),
                 made::zip_file(made::tensor(made::storage("FloatStorage", "0", count), 0,
                                             {mel.bands, mel.frames}, {1, mel.bands}),
                                {{"0", count, bytes}}));
  EXPECT_EQ(fluvox({"render", at("speech.pt"), "-m", model_, "-o", at("a.wav")}).exit_code, 0);
  EXPECT_EQ(fluvox({"render", at("speech.npy"), "-m", model_, "-o", at("b.wav")}).exit_code, 0);
  EXPECT_EQ(slurp(at("a.wav")), slurp(at("b.wav")));
  // A convention stated beside it counts as much as beside an array.
  support::spill(at("speech.pt.json"), R"({"fluvox_mel": 1, "convention": {"bands": 8}})");
  const Ran ran = fluvox({"render", at("speech.pt"), "-m", model_, "-o", at("c.wav")});
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_THAT(ran.err, HasSubstr("hop 256 against 16"));
}

TEST_F(Voice, NoiseOfTheSeedGivenAsAFileIsTheSeed) {
  const runtime::Session session(flow::read_model(model_));
  const mel::Mel mel = session.analyse(audio::read_sound(wav_).samples);
  const auto channels = static_cast<size_t>(session.z_channels());
  const auto positions = static_cast<size_t>(session.z_positions(mel.frames));
  const uint64_t item = std::stoull(sha256_hex("speech").substr(0, 16), nullptr, 16);
  std::vector<float> z;
  const size_t seen = channels - static_cast<size_t>(session.spec().unseen);
  for (uint32_t c = 0; c < channels; ++c)
    for (uint64_t t = 0; t < positions; ++t)
      z.push_back((c < seen ? 0.5f : 0.625f) * kernels::normal(9, item, c, t));  // .5 of .8
  const std::vector<size_t> shape = {channels, positions};
  mel::write_npy(at("z.npy"), shape, z);
  EXPECT_EQ(
      fluvox({"render", wav_, "-m", model_, "-o", at("a.wav"), "--noise", at("z.npy")}).exit_code,
      0);
  EXPECT_EQ(
      fluvox({"render", wav_, "-m", model_, "-o", at("b.wav"), "--seed", "9", "--sigma", "0.5"})
          .exit_code,
      0);
  EXPECT_EQ(slurp(at("a.wav")), slurp(at("b.wav")));

  mel::write_npy(at("short.npy"), std::vector<size_t>{channels, positions - 1},
                 std::span(z).first(channels * (positions - 1)));
  const Ran ran =
      fluvox({"render", wav_, "-m", model_, "-o", at("c.wav"), "--noise", at("short.npy")});
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_THAT(ran.err, HasSubstr("expected noise of shape"));
  EXPECT_FALSE(fs::exists(at("c.wav")));
}

TEST_F(Voice, AtSigmaZeroTheSeedDoesNotMatter) {
  fluvox({"render", wav_, "-m", model_, "-o", at("a.wav"), "--seed", "1", "--sigma", "0"});
  fluvox({"render", wav_, "-m", model_, "-o", at("b.wav"), "--seed", "2", "--sigma", "0"});
  EXPECT_EQ(slurp(at("a.wav")), slurp(at("b.wav")));
}

TEST_F(Voice, StdoutCarriesTheSoundAlone) {
  fluvox({"render", wav_, "-m", model_, "-o", at("a.wav")});
  const Ran ran = fluvox({"render", wav_, "-m", model_, "-o", "-"});
  EXPECT_EQ(ran.exit_code, 0);
  const auto samples = audio::read_sound(at("a.wav")).samples;
  ASSERT_EQ(ran.out.size(), 44 + 2 * samples.size());
  EXPECT_EQ(ran.out.substr(0, 4), "RIFF");
  EXPECT_EQ(ran.out.substr(44), slurp(at("a.wav")).substr(44));
  const Ran raw = fluvox({"render", wav_, "-m", model_, "-o", "-", "--output-raw"});
  EXPECT_EQ(raw.out, ran.out.substr(44));
}

TEST_F(Voice, RateAndLevelAreWhatWasAskedFor) {
  EXPECT_EQ(fluvox({"render", wav_, "-m", model_, "-o", at("a.wav"), "--rate", "16000",
                    "--normalize", "peak", "--encoding", "f32"})
                .exit_code,
            0);
  const audio::Sound sound = audio::read_sound(at("a.wav"));
  EXPECT_EQ(sound.rate, 16000);
  float peak = 0;
  for (float x : sound.samples) peak = std::max(peak, std::fabs(x));
  EXPECT_NEAR(peak, 32767.0f / 32768, 1e-4);
}

TEST_F(Voice, ClippingIsReported) {
  const runtime::Session session(flow::read_model(model_));
  const mel::Mel mel = session.analyse(audio::read_sound(wav_).samples);
  const std::vector<size_t> shape = {static_cast<size_t>(session.z_channels()),
                                     static_cast<size_t>(session.z_positions(mel.frames))};
  mel::write_npy(at("loud.npy"), shape, std::vector<float>(shape[0] * shape[1], 1e4f));
  const Ran ran = fluvox(
      {"render", wav_, "-m", model_, "-o", at("a.wav"), "--noise", at("loud.npy"), "--json"});
  EXPECT_EQ(ran.exit_code, 0);
  const auto result = nlohmann::json::parse(ran.out);
  EXPECT_GT(result["clipped"].get<int>(), 0);
  EXPECT_THAT(ran.err, HasSubstr("beyond full scale"));
}

TEST_F(Voice, ScoreIsWhatTheLibraryComputes) {
  const runtime::Session session(flow::read_model(model_));
  const runtime::Score score = session.score(audio::read_sound(wav_).samples);
  const Ran ran = fluvox({"score", wav_, "-m", model_, "--json"});
  EXPECT_EQ(ran.exit_code, 0);
  const auto result = nlohmann::json::parse(ran.out);
  EXPECT_DOUBLE_EQ(result["nats_per_sample"].get<double>(), score.nats_per_sample());
  EXPECT_NEAR(result["bits_per_sample"].get<double>(), score.nats_per_sample() / std::log(2.0),
              1e-9);
  EXPECT_EQ(result["samples"].get<size_t>(), score.samples);
}

TEST_F(Voice, FramesOfAScoreSumUpToIt) {
  const Ran plain = fluvox({"score", wav_, "-m", model_, "--frames"});
  const Ran ran = fluvox({"score", wav_, "-m", model_, "--frames", "--json"});
  EXPECT_EQ(ran.exit_code, 0);
  const auto result = nlohmann::json::parse(ran.out);
  const auto frames = result["frames"].get<std::vector<double>>();
  EXPECT_EQ(frames.size() * 16, result["samples"].get<size_t>());
  EXPECT_DOUBLE_EQ(result["frame_seconds"].get<double>(), 16 / 22050.0);
  double sum = 0;
  for (const double nats : frames) sum += nats;
  EXPECT_NEAR(sum, result["nats"].get<double>(), 1e-9 * std::fabs(sum));
  std::istringstream lines(plain.out);
  std::string line;
  std::getline(lines, line);
  EXPECT_THAT(line, HasSubstr("nats/sample"));
  for (size_t f = 0; f < frames.size(); ++f) {
    double seconds = 0, nats = 0;
    ASSERT_TRUE(lines >> seconds >> nats);
    EXPECT_NEAR(seconds, static_cast<double>(f) * 16 / 22050, 1e-6);
    EXPECT_EQ(nats, frames[f]);
  }
  EXPECT_FALSE(lines >> line);
}

TEST_F(Voice, ABadInputIsNamedAndTheOthersAreScored) {
  support::spill(at("bad.wav"), "not sound");
  const Ran ran = fluvox({"score", at("bad.wav"), wav_, "-m", model_});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("bad.wav"));
  EXPECT_THAT(ran.out, HasSubstr("speech.wav: "));
  EXPECT_THAT(ran.out, Not(HasSubstr("bad.wav")));
}

TEST_F(Voice, AModelThatIsNoneIsRefused) {
  support::spill(at("text.safetensors"), "hello");
  EXPECT_EQ(fluvox({"render", wav_, "-m", at("text.safetensors"), "-o", at("a.wav")}).exit_code, 3);
  EXPECT_NE(fluvox({"render", wav_, "-m", at("nowhere.safetensors"), "-o", at("a.wav")}).exit_code,
            0);
  std::string bytes = slurp(model_);
  bytes[bytes.size() - 9] = static_cast<char>(bytes[bytes.size() - 9] ^ 4);
  support::spill(at("flipped.safetensors"), bytes);
  const Ran ran = fluvox({"score", wav_, "-m", at("flipped.safetensors")});
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_THAT(ran.err, HasSubstr("SHA-256"));
  EXPECT_FALSE(fs::exists(at("a.wav")));
}

TEST_F(Voice, AMelOfAnotherConventionIsRefusedByTheDifference) {
  EXPECT_EQ(fluvox({"mel", wav_, "-o", at("speech.npy")}).exit_code, 0);
  const Ran ran = fluvox({"render", at("speech.npy"), "-m", model_, "-o", at("a.wav")});
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_THAT(ran.err, HasSubstr("hop 256 against 16"));
}

TEST_F(Voice, InfoTellsStepsParametersAndMel) {
  const Ran ran = fluvox({"info", model_});
  EXPECT_EQ(ran.exit_code, 0);
  for (const char* word : {"compact", "lapped", "whiten", "grid_coupling", "22050 Hz", "sha256",
                           "16 channels", "rendering all at once, scoring all at once"})
    EXPECT_THAT(ran.out, HasSubstr(word));
  const auto json = nlohmann::json::parse(fluvox({"info", model_, "--json"}).out);
  EXPECT_EQ(json["steps"].size(), 7u);
  size_t parameters = 0;
  for (const auto& [name, tensor] : support::small_compact().tensors) parameters += tensor.count();
  EXPECT_EQ(json["parameters"].get<size_t>(), parameters);
}

TEST_F(Voice, PlayWithoutADeviceSaysSoInOneSentence) {
  // Plugins that ALSA loads and unloads on its search for a device leak: none of ours.
  const support::RunWith plugins_may_leak{
      .in_child = [] { ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1); }};
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), FLUVOX_PROGRAM);
    return run_program(arguments, plugins_may_leak);
  };
  if (run({"devices"}).exit_code == 0) GTEST_SKIP() << "this machine has a sound device";
  const Ran ran = run({"play", wav_, "-m", model_});
  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_THAT(ran.err, HasSubstr("no audio output device was found"));
  EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1);
}

// The whole chain with the voice in the box: mel -> voice -> waveform keeps what the mel says.
TEST(ShippedVoice, CopiesTheSampleFaithfully) {
  const fs::path models = fs::path(FLUVOX_SOURCE_DIR) / "models" / "pretrained";
  const support::TempFolder folder;
  const std::string out = folder / "copy.wav";
  ASSERT_EQ(run_program({FLUVOX_PROGRAM, "render", models / "sample-lj.flac", "-m",
                         models / "compact.safetensors", "-o", out, "--seed", "1"})
                .exit_code,
            0);
  const auto original = audio::read_sound(models / "sample-lj.flac").samples;
  const auto copy = audio::read_sound(out).samples;
  EXPECT_EQ(copy.size(), (original.size() / 256 + 1) * 256);
  float peak = 0;
  for (float x : copy) peak = std::max(peak, std::fabs(x));
  EXPECT_LT(peak, 1);
  EXPECT_NEAR(audio::integrated_loudness(copy, 22050), audio::integrated_loudness(original, 22050),
              1);  // LU

  const mel::Convention convention = mel::convention("tacotron2");
  const mel::Mel wanted = mel::analyse(original, convention),
                 found = mel::analyse(copy, convention);
  double distance = 0;
  const size_t count = static_cast<size_t>(std::min(wanted.frames, found.frames)) * 80;
  for (size_t i = 0; i < count; ++i) distance += std::fabs(wanted.values[i] - found.values[i]);
  EXPECT_LT(distance / static_cast<double>(count),
            0.35);  // nepers; another sentence is at 1.5 or more
}

TEST(ShippedVoice, LikesSpeechBetterThanNoise) {
  const fs::path models = fs::path(FLUVOX_SOURCE_DIR) / "models" / "pretrained";
  const runtime::Session session(flow::read_model(models / "compact.safetensors"));
  auto speech = audio::read_sound(models / "sample-lj.flac").samples;
  const double natural = session.score(speech).nats_per_sample();
  EXPECT_GT(natural, 4.9);
  EXPECT_LT(natural, 15 * std::log(2.0));  // no 16-bit recording can be likelier than that
  // The same magnitudes with every second sample turned over: the mel alone would not object.
  for (size_t i = 0; i < speech.size(); i += 2) speech[i] = -speech[i];
  EXPECT_LT(session.score(speech).nats_per_sample(), natural - 0.2);
}

}  // namespace
}  // namespace fluvox::cli
