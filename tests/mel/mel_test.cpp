#include "mel/mel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

#include "core/threads.h"
#include "mel/made_sound.h"
#include "support/throws.h"

namespace fluvox::mel {
namespace {

using support::thrown_by;

TEST(Mel, SilenceIsTheFloorOfEveryConvention) {
  const std::vector<float> silence(3000, 0.0F);
  for (const std::string& name : names()) {
    const Convention c = convention(name);
    const Mel mel = analyse(silence, c);
    EXPECT_EQ(mel.bands, c.bands);
    EXPECT_EQ(mel.values.size(), static_cast<size_t>(mel.frames) * static_cast<size_t>(mel.bands));
    for (const float value : mel.frame(0)) {
      if (name == "tacotron2" || name == "nemo") {
        EXPECT_FLOAT_EQ(value, -11.512925F);
      } else if (name == "parallel-wavegan") {
        EXPECT_FLOAT_EQ(value, -10.0F);
      } else if (name == "espnet2") {
        EXPECT_NEAR(value, -6.3, 0.35);  // its power floor shows through the filters
      } else if (name == "coqui") {
        EXPECT_FLOAT_EQ(value, -4.0F);
      } else if (name == "fatchord") {
        EXPECT_FLOAT_EQ(value, 0.0F);
      } else if (name == "vocos") {
        EXPECT_FLOAT_EQ(value, -16.118095F);
      }
    }
  }
}

// A steady sine in the middle of a bin: |X| = gain * sum of window / 2 there, and half that in the
// bins beside it.
TEST(Mel, ASineHasTheLevelOfTheClosedForm) {
  const Convention c;
  const int bin = 200;
  const double hz = bin * 22050.0 / 1024;
  const Mel mel = analyse(made::tone(22050, hz, 22050, 0.25), c);
  const Filterbank filters(c);
  for (int band = 0; band < c.bands; ++band) {
    const double peak = 0.25 * 512 / 2;
    const double x = peak * (filters.weight(band, bin) +
                             0.5 * (filters.weight(band, bin - 1) + filters.weight(band, bin + 1)));
    if (x > 1e-3) {
      EXPECT_NEAR(mel.frame(40)[static_cast<size_t>(band)], std::log(x), 1e-5);
    }
  }
}

TEST(Mel, StatisticsAndPowerAreApplied) {
  Convention plain;
  plain.quantity = "power";
  plain.log = "db";
  plain.floor = 1e-10;
  Convention normalised = plain;
  for (int band = 0; band < 80; ++band) {
    normalised.mean.push_back(-30 + band);
    normalised.deviation.push_back(2 + 0.1 * band);
  }
  const std::vector<float> audio = made::noise(4000, 0.3);
  const Mel a = analyse(audio, plain), b = analyse(audio, normalised);
  std::vector<double> buffer(1024), power(513), x(80);
  std::vector<std::complex<double>> spectrum(513);
  Stft(plain).forward(audio, 3, buffer, spectrum);
  for (size_t k = 0; k < 513; ++k) power[k] = std::norm(spectrum[k]);
  Filterbank(plain).apply(power.data(), x.data());
  for (size_t band = 0; band < 80; ++band) {
    const double level = 10 * std::log10(x[band]);
    EXPECT_NEAR(a.frame(3)[band], level, 1e-4);
    EXPECT_NEAR(b.frame(3)[band], (level - normalised.mean[band]) / normalised.deviation[band],
                1e-4);
  }
}

TEST(Mel, ThreadsGiveTheSameBits) {
  const Analyser analyser(convention("hifigan"));
  const std::vector<float> audio = made::speech(100'000, 22050, 1);
  const Mel alone = analyser.analyse(audio);
  for (const int n : {1, 2, 5}) {
    Threads threads(n);
    EXPECT_EQ(analyser.analyse(audio, threads).values, alone.values);
  }
  std::vector<Mel> made(4);
  std::vector<std::thread> callers;
  for (Mel& mel : made) callers.emplace_back([&] { mel = analyser.analyse(audio); });
  for (std::thread& caller : callers) caller.join();
  for (const Mel& mel : made) EXPECT_EQ(mel.values, alone.values);
}

TEST(Mel, AFrameDependsOnItsOwnSamplesAlone) {
  const Analyser analyser{Convention{}};
  const std::vector<float> audio = made::noise(20'000);
  const Mel whole = analyser.analyse(audio);
  const Mel part = analyser.analyse(std::span(audio).subspan(2560, 10'240));
  for (int frame = 2; frame < part.frames - 3; ++frame)
    EXPECT_TRUE(std::ranges::equal(part.frame(frame), whole.frame(frame + 10))) << frame;
}

TEST(Mel, BadAudioIsRefusedWithItsPlace) {
  EXPECT_EQ(thrown_by([] { analyse({}, Convention{}); }).code(), "audio-empty");
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> audio(500, 0.1F);
    audio[321] = bad;
    const Error error = thrown_by([&] { analyse(audio, Convention{}); });
    EXPECT_EQ(error.code(), "audio-not-finite");
    EXPECT_EQ(error.fault(), Fault::input);
    EXPECT_THAT(error.what(), testing::HasSubstr("sample 321"));
  }
}

// Overload and denormals are numbers like any other.
TEST(Mel, ExtremeAudioGivesFiniteValues) {
  for (const float gain : {1e-42F, 1.5F, 1e30F})
    for (const std::string& name : names()) {
      std::vector<float> audio = made::noise(2000);
      for (float& sample : audio) sample *= gain;
      for (const float value : analyse(audio, convention(name)).values)
        ASSERT_TRUE(std::isfinite(value));
    }
}

}  // namespace
}  // namespace fluvox::mel
