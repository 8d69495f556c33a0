#include "mel/plausibility.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "mel/made_sound.h"

namespace fluvox::mel {
namespace {

using testing::HasSubstr;

// Conventions whose values lie alike: no statistics can tell them apart.
std::string family(const std::string& name) {
  if (name == "hifigan" || name == "nemo") return "tacotron2";
  if (name == "espnet2") return "parallel-wavegan";
  return name;
}

std::vector<float> speech(const Convention& c, double gain) {
  return made::speech(static_cast<size_t>(3 * c.sample_rate), c.sample_rate, gain);
}

TEST(Plausibility, SpeechOfItsOwnConventionNeverWarns) {
  for (const std::string& name : names())
    for (const double gain : {1.0, 0.3, 0.1, 0.03, 0.01}) {
      const Convention c = convention(name);
      const Plausibility verdict = plausibility(analyse(speech(c, gain), c), c);
      EXPECT_TRUE(verdict.plausible) << name << " at " << gain << ": " << verdict.message;
    }
}

TEST(Plausibility, SilenceNoiseAndShortClipsNeverWarn) {
  for (const std::string& name : names()) {
    const Convention c = convention(name);
    for (const std::vector<float>& audio : {std::vector<float>(30'000, 0.0F), made::noise(30'000),
                                            made::noise(30'000, 0.01), made::noise(1)}) {
      const Plausibility verdict = plausibility(analyse(audio, c), c);
      EXPECT_TRUE(verdict.plausible) << name << ": " << verdict.message;
    }
  }
  EXPECT_TRUE(plausibility({}, Convention{}).plausible);
}

TEST(Plausibility, AMelThatGoesByInPiecesIsJudgedAsTheWhole) {
  for (const std::string& claimed : names()) {
    const Convention own = convention("tacotron2"), taken = convention(claimed);
    const Mel once = analyse(speech(own, 1.0), own);
    if (taken.bands != own.bands) continue;
    Mel mel{0, own.bands, {}};  // longer than what is kept of it
    while (mel.frames < 7000) {
      mel.frames += once.frames;
      mel.values.insert(mel.values.end(), once.values.begin(), once.values.end());
    }
    const Plausibility whole = plausibility(mel, taken);
    EXPECT_EQ(whole.plausible, family(claimed) == family(own.name)) << claimed;
    for (const int most : {1, 64, 3001}) {
      Impression impression(mel.frames);
      for (int at = 0; at < mel.frames; at += most)
        impression.add(mel.part(at, std::min(most, mel.frames - at)));
      const Plausibility verdict = plausibility(impression, taken);
      EXPECT_EQ(verdict.plausible, whole.plausible) << claimed << ", " << most;
      EXPECT_EQ(verdict.message, whole.message) << claimed << ", " << most;
    }
  }
}

TEST(Plausibility, AWrongConventionIsNamed) {
  for (const std::string& truth : names())
    for (const std::string& claimed : names()) {
      const Convention own = convention(truth), taken = convention(claimed);
      if (own.bands != taken.bands || family(truth) == family(claimed)) continue;
      for (const double gain : {1.0, 0.3}) {
        const Plausibility verdict = plausibility(analyse(speech(own, gain), own), taken);
        EXPECT_FALSE(verdict.plausible) << truth << " taken for " << claimed << " at " << gain;
        EXPECT_EQ(family(verdict.likely), family(truth))
            << "taken for " << claimed << " at " << gain;
        EXPECT_THAT(verdict.message, HasSubstr(claimed));
      }
    }
}

// Forms that have no name: the model's own filters, and another use of the logarithm.
TEST(Plausibility, AMissingLogarithmAndDecibelsAreNamed) {
  for (const char* name : {"tacotron2", "vocos", "nemo", "parallel-wavegan"}) {
    const Convention c = convention(name);
    const Mel mel = analyse(speech(c, 1), c);
    Mel linear = mel, decibels = mel;
    for (float& value : linear.values) value = static_cast<float>(std::exp(value / log_scale(c)));
    for (float& value : decibels.values)
      value = static_cast<float>(20 / std::numbers::ln10 * value / log_scale(c));
    EXPECT_EQ(plausibility(linear, c).likely, "a magnitude without its logarithm") << name;
    EXPECT_EQ(plausibility(decibels, c).likely, "decibels") << name;
    EXPECT_THAT(plausibility(decibels, c).message, HasSubstr("they look like decibels"));
  }
}

TEST(Plausibility, NormalisedMelsAreKnownAsSuch) {
  const Convention c = convention("parallel-wavegan");
  const Mel plain = analyse(speech(c, 1), c);
  Convention normalised = c;
  for (size_t band = 0; band < 80; ++band) {
    double sum = 0, squares = 0;
    for (int frame = 0; frame < plain.frames; ++frame) {
      const double value = plain.frame(frame)[band];
      sum += value / plain.frames;
      squares += value * value / plain.frames;
    }
    normalised.mean.push_back(sum);
    normalised.deviation.push_back(std::sqrt(squares - sum * sum));
  }
  const Mel mel = analyse(speech(c, 1), normalised);
  EXPECT_TRUE(plausibility(mel, normalised).plausible);
  for (const char* claimed : {"tacotron2", "parallel-wavegan", "coqui", "fatchord"}) {
    const Plausibility verdict = plausibility(mel, convention(claimed));
    EXPECT_FALSE(verdict.plausible) << claimed;
    EXPECT_THAT(verdict.likely, HasSubstr("normalised")) << claimed;
  }
}

}  // namespace
}  // namespace fluvox::mel
