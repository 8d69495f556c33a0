#include "mel/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mel/made_sound.h"
#include "support/throws.h"

namespace fluvox::mel {
namespace {

using support::thrown_by;
using testing::HasSubstr;

// The registered scale of values on tacotron2's filters, so that only the scale differs.
Convention scaled_as(const std::string& name) {
  Convention c = convention(name);
  const Convention base;
  c.name = name + "-scale";
  c.sample_rate = base.sample_rate;
  c.fft = base.fft;
  c.hop = base.hop;
  c.window = base.window;
  c.window_kind = base.window_kind;
  c.centred = base.centred;
  c.power_epsilon = base.power_epsilon;
  c.power_floor = base.power_floor;
  c.bands = base.bands;
  c.fmin = base.fmin;
  c.fmax = base.fmax;
  c.scale = base.scale;
  c.norm = base.norm;
  return c;
}

Convention with_statistics(Convention c) {
  for (int band = 0; band < c.bands; ++band) {
    c.mean.push_back(-2 - 0.01 * band);
    c.deviation.push_back(0.5 + 0.01 * band);
  }
  return c;
}

// Loud enough that no value is at a floor or limit.
std::vector<float> audio() { return made::noise(8000, 0.5); }

TEST(Convert, GivesWhatAnalysingGives) {
  const std::vector<Convention> all = {convention("tacotron2"),
                                       scaled_as("parallel-wavegan"),
                                       with_statistics(scaled_as("parallel-wavegan")),
                                       scaled_as("coqui"),
                                       scaled_as("fatchord"),
                                       with_statistics(convention("tacotron2"))};
  for (const Convention& from : all)
    for (const Convention& to : all) {
      EXPECT_EQ(obstacle(from, to), "");
      const Mel made = convert(analyse(audio(), from), from, to), wanted = analyse(audio(), to);
      ASSERT_EQ(made.values.size(), wanted.values.size());
      for (size_t i = 0; i < made.values.size(); ++i)
        ASSERT_NEAR(made.values[i], wanted.values[i], 2e-5) << from.name << " to " << to.name;
    }
}

TEST(Convert, EqualConventionsKeepTheBits) {
  const Mel mel = analyse(audio(), convention("fatchord"));
  EXPECT_EQ(convert(mel, convention("fatchord"), convention("fatchord")).values, mel.values);
}

// A lower floor to a higher one only clamps; the other way what was cut off is missing.
TEST(Convert, FloorsAreRaisedButNeverInvented) {
  const Convention deep = scaled_as("parallel-wavegan"), shallow = convention("tacotron2");
  std::vector<float> quiet = audio();
  quiet.resize(30'000, 0.0F);
  const Mel from_deep = convert(analyse(quiet, deep), deep, shallow),
            wanted = analyse(quiet, shallow);
  for (size_t i = 0; i < wanted.values.size(); ++i)
    ASSERT_NEAR(from_deep.values[i], wanted.values[i], 2e-5);
  const Error error = thrown_by([&] { convert(wanted, shallow, deep); });
  EXPECT_EQ(error.code(), "mel-convention");
  EXPECT_THAT(error.what(), HasSubstr("cut off"));
  // coqui's upper limit is 10, above which a loud band would have been cut.
  const Convention limited = scaled_as("coqui");
  Mel loud = analyse(audio(), limited);
  loud.values[5] = 4;
  EXPECT_EQ(thrown_by([&] { convert(loud, limited, shallow); }).code(), "mel-convention");
}

TEST(Convert, WhatCannotBeUndoneIsNamed) {
  EXPECT_EQ(obstacle(convention("parallel-wavegan"), convention("tacotron2")),
            "fmin 80 against 0, fmax 7600 against 8000");
  const Mel mel = analyse(audio(), convention("vocos"));
  const Error error =
      thrown_by([&] { convert(mel, convention("vocos"), convention("tacotron2")); });
  EXPECT_EQ(error.code(), "mel-convention");
  for (const char* part :
       {"vocos", "tacotron2", "sample_rate 24000 against 22050", "scale htk against slaney"})
    EXPECT_THAT(error.what(), HasSubstr(part));
}

}  // namespace
}  // namespace fluvox::mel
