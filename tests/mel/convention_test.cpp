#include "mel/convention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/throws.h"

namespace fluvox::mel {
namespace {

using support::thrown_by;
using testing::HasSubstr;

TEST(Convention, EveryNameSurvivesJson) {
  EXPECT_EQ(names().size(), 9U);
  for (const std::string& name : names()) {
    const Convention c = convention(name);
    EXPECT_EQ(c.name, name);
    const Json json = to_json(c);
    const Convention back = convention_from_json(Json::parse(json.dump()), "test");
    EXPECT_EQ(to_json(back), json);
    EXPECT_EQ(describe_difference(c, back), "");
  }
}

TEST(Convention, AMisspeltNameIsRefusedWithTheNearest) {
  const Error error = thrown_by([] { convention("tacotron"); });
  EXPECT_EQ(error.code(), "convention-unknown");
  EXPECT_EQ(error.fault(), Fault::usage);
  EXPECT_THAT(error.what(), HasSubstr("did you mean 'tacotron2'"));
  EXPECT_THAT(error.what(), HasSubstr("vocos"));
}

TEST(Convention, DifferencesAreNamed) {
  Convention other;
  EXPECT_EQ(describe_difference(Convention{}, other), "");
  other.fmax = 7600;
  EXPECT_EQ(describe_difference(Convention{}, other), "fmax 8000 against 7600");
  other.log = "log10";
  EXPECT_EQ(describe_difference(Convention{}, other),
            "fmax 8000 against 7600, log ln against log10");
  other = Convention{};
  other.floor = 1.0000001e-5;
  EXPECT_EQ(describe_difference(Convention{}, other), "floor 1e-05 against 1.0000001e-05");
  other = Convention{};
  other.mean.assign(80, 0.5);
  other.deviation.assign(80, 2);
  EXPECT_THAT(describe_difference(Convention{}, other),
              HasSubstr("mean none against of 80 bands starting at 0.5"));
  Convention same;
  same.name = "mine";
  same.layout = "frames-bands";
  same.clip_low = 3;  // unused: nothing is clipped
  EXPECT_EQ(describe_difference(Convention{}, same), "");
  EXPECT_EQ(describe_difference(convention("tacotron2"), convention("nemo")),
            "window_kind hann against hann-symmetric, centred yes against no");
}

// What a hostile model file or sidecar may say.
TEST(Convention, HostileValuesAreRefusedByName) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"fft": 1048576})", "fft"},
      {R"({"fft": 0})", "fft"},
      {R"({"fft": -1024})", "fft"},
      {R"({"fft": 4294968320})", "fft"},
      {R"({"fft": 1e3})", "fft"},
      {R"({"fft": 1022, "window": 1000})", "prime factor"},
      {R"({"fft": 1025, "window": 1024})", "prime factor"},
      {R"({"fft": 16, "window": 16})", "hop"},
      {R"({"hop": 0})", "hop"},
      {R"({"hop": 1})", "hop"},
      {R"({"window": 2048})", "window"},
      {R"({"window": 1})", "window"},
      {R"({"bands": 0})", "bands"},
      {R"({"bands": 1000000000})", "bands"},
      {R"({"sample_rate": 0})", "sample_rate"},
      {R"({"sample_rate": 99999999999999999999})", "sample_rate"},
      {R"({"fmin": 8000})", "fmin"},
      {R"({"fmax": 12000})", "half the sample rate"},
      {R"({"floor": 0})", "floor"},
      {R"({"floor": -1})", "floor"},
      {R"({"floor": 1e-400})", "floor"},
      {R"({"gain": 0})", "gain"},
      {R"({"power_epsilon": -1})", "power_epsilon"},
      {R"({"scale": "slanye"})", "did you mean 'slaney'"},
      {R"({"log": 10})", "log"},
      {R"({"clipped": true})", "clip_low"},
      {R"({"clipped": 1})", "clipped"},
      {R"({"mean": [1, 2], "deviation": [1, 2]})", "mean"},
      {R"({"mean": "x"})", "mean"},
      {R"({"bands": 2, "mean": [1, 2], "deviation": [1, 0]})", "deviation[1]"},
      {R"({"bands": 2, "mean": [1, 2], "deviation": [1]})", "mean"},
      {R"({"bands": 2, "mean": [1, 1e300], "deviation": [1, 1]})", "mean[1]"},
      {R"({"hopp": 256})", "did you mean 'hop'"},
      {R"([1])", "expected an object"},
  };
  for (const auto& [json, named] : cases) {
    const Error error = thrown_by([&] { convention_from_json(Json::parse(json), "model.mel"); });
    EXPECT_EQ(error.fault(), Fault::input) << json;
    EXPECT_THAT(error.what(), HasSubstr("model.mel")) << json;
    EXPECT_THAT(error.what(), HasSubstr(named)) << json;
  }
}

TEST(Convention, FramesAreCounted) {
  const Convention centred = convention("tacotron2"), exact = convention("hifigan");
  for (const size_t n : {1U, 255U, 256U, 257U, 1023U, 1024U, 22050U}) {
    EXPECT_EQ(frame_count(centred, n), 1 + n / 256);
    EXPECT_EQ(frame_count(exact, n), std::max<size_t>(1, n / 256));
  }
}

}  // namespace
}  // namespace fluvox::mel
