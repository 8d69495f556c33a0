// The voice in the box against the one bound that holds for every density of 16-bit audio
// (support/oracles/sixteen_bit.h): far below it on speech, and below it on what tempts a density to
// infinity, digital silence and a recording of a few values.
#include "support/oracles/sixteen_bit.h"

#include <gtest/gtest.h>

#include "audio/sound_file.h"
#include "runtime/session.h"
#include "support/oracles/random.h"

namespace fluvox::runtime {
namespace {

const std::string kVoices = std::string(FLUVOX_SOURCE_DIR) + "/models/pretrained/";

const Session& voice() {
  static const Session session(flow::read_model(kVoices + "compact.safetensors"));
  return session;
}

// Nats per sample of the sound, each sample spread over its step, given the mel of the sound as it
// is: the condition does not follow the noise.
double nats_dequantised(const std::vector<float>& sound, uint64_t seed) {
  const size_t hop = static_cast<size_t>(voice().convention().hop);
  std::vector<float> audio(sound.begin(),
                           sound.begin() + static_cast<int64_t>(sound.size() / hop * hop));
  mel::Mel mel = voice().analyse(audio);
  mel.frames = static_cast<int>(audio.size() / hop);
  mel.values.resize(static_cast<size_t>(mel.frames) * mel.bands);
  oracles::Random random(seed, 0);
  for (float& x : audio) x += static_cast<float>((random.uniform() - 0.5) / 32768);
  Score score;
  voice().encode(audio, mel, &score);
  return score.nats_per_sample();
}

TEST(SixteenBits, OfSpeechAreFarBelowTheBound) {
  const auto sound =
      audio::read_sound(kVoices + "sample-lj.flac", voice().convention().sample_rate).samples;
  const double nats = nats_dequantised(sound, 1);
  EXPECT_LT(nats, oracles::kSixteenBitBound - 2);
  EXPECT_GT(nats, 3);  // it is a voice's density, not any
  EXPECT_NEAR(nats, nats_dequantised(sound, 2), 0.01);
}

TEST(SixteenBits, OfSilenceAndOfFewValuesAreBelowTheBound) {
  const size_t samples = 64 * static_cast<size_t>(voice().convention().hop);
  EXPECT_LT(nats_dequantised(std::vector<float>(samples, 0.0f), 1), oracles::kSixteenBitBound);
  std::vector<float> few(samples);
  for (size_t i = 0; i < samples; ++i) few[i] = static_cast<float>(i / 40 % 2) / 32768;
  EXPECT_LT(nats_dequantised(few, 1), oracles::kSixteenBitBound);
}

}  // namespace
}  // namespace fluvox::runtime
