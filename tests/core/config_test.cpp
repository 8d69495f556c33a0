#include "core/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/throws.h"

namespace fluvox {
namespace {

using support::thrown_by;
using testing::HasSubstr;

struct Sample {
  int channels = 8;
  int64_t frames = 100;
  uint32_t seed = 1;
  float scale = 0.5F;
  double rate = 1e-3;
  bool shared = false;
  std::string bound = "exp";
  std::vector<int> dilations{1, 2};
};

template <class Visitor>
void fields(Visitor& v, Sample& s) {
  v("channels", s.channels, "channels of the step", Range{2, 64});
  v("frames", s.frames, "frames");
  v("seed", s.seed, "seed");
  v("scale", s.scale, "scale", Range{0, 10});
  v("rate", s.rate, "rate");
  v("shared", s.shared, "whether it is shared");
  v("bound", s.bound, "how the log-scale is bounded", OneOf{"exp", "tanh"});
  v("dilations", s.dilations, "one a layer");
}

std::string refusal(const std::string& json) {
  const Error error = thrown_by([&] { from_json<Sample>(Json::parse(json), "steps.3"); });
  EXPECT_EQ(error.fault(), Fault::input);
  EXPECT_EQ(error.code(), "config-invalid");
  return error.what();
}

TEST(Config, AbsentFieldsKeepTheirDefaults) {
  const auto sample = from_json<Sample>(Json::parse(R"({"channels": 16, "rate": 2})"), "");
  EXPECT_EQ(sample.channels, 16);
  EXPECT_EQ(sample.rate, 2.0);
  EXPECT_EQ(sample.bound, "exp");
  EXPECT_EQ(sample.dilations, (std::vector<int>{1, 2}));
}

TEST(Config, WritingAndReadingIsTheIdentity) {
  Sample sample;
  sample.channels = 12;
  sample.frames = int64_t{1} << 40;
  sample.rate = 0.1;
  sample.bound = "tanh";
  sample.dilations = {};
  const Json json = to_json(sample);
  EXPECT_EQ(json.begin().key(), "channels");
  EXPECT_EQ(to_json(from_json<Sample>(Json::parse(json.dump()), "")), json);
}

TEST(Config, AMisspeltKeyIsRefusedWithTheNearestName) {
  EXPECT_EQ(refusal(R"({"chanels": 4})"),
            "steps.3: unknown key 'chanels' (did you mean 'channels'?)");
  EXPECT_EQ(refusal(R"({"zzzzzzzz": 4})"), "steps.3: unknown key 'zzzzzzzz'");
  EXPECT_LT(refusal(R"({")" + std::string(100'000, 'k') + R"(": 4})").size(), 300U);
}

TEST(Config, AWrongTypeIsRefused) {
  EXPECT_EQ(refusal(R"({"channels": "four"})"),
            "steps.3.channels: expected a whole number, found \"four\"");
  EXPECT_THAT(refusal(R"({"channels": 4.5})"), HasSubstr("expected a whole number, found 4.5"));
  EXPECT_THAT(refusal(R"({"channels": true})"), HasSubstr("expected a whole number"));
  EXPECT_THAT(refusal(R"({"channels": null})"), HasSubstr("expected a whole number"));
  EXPECT_THAT(refusal(R"({"rate": "fast"})"), HasSubstr("expected a number"));
  EXPECT_THAT(refusal(R"({"shared": 1})"), HasSubstr("expected true or false"));
  EXPECT_THAT(refusal(R"({"bound": 3})"), HasSubstr("expected a string"));
  EXPECT_THAT(refusal(R"({"dilations": 3})"), HasSubstr("expected a list of values, found 3"));
  EXPECT_THAT(refusal(R"({"dilations": [1, "x"]})"), HasSubstr("expected a whole number"));
  EXPECT_THAT(refusal(R"([1, 2])"), HasSubstr("expected an object"));
}

TEST(Config, BoundsAndChoicesAreChecked) {
  EXPECT_EQ(refusal(R"({"channels": 65})"),
            "steps.3.channels: expected a value from 2 to 64, found 65");
  EXPECT_THAT(refusal(R"({"scale": -0.1})"), HasSubstr("from 0 to 10"));
  EXPECT_EQ(refusal(R"({"bound": "tahn"})"),
            "steps.3.bound: expected one of exp, tanh, found 'tahn' (did you mean 'tanh'?)");
  EXPECT_EQ(from_json<Sample>(Json::parse(R"({"channels": 2})"), "").channels, 2);
  EXPECT_EQ(from_json<Sample>(Json::parse(R"({"channels": 64})"), "").channels, 64);
}

TEST(Config, IntegersThatDoNotFitAreRefusedNotWrapped) {
  EXPECT_THAT(refusal(R"({"channels": 4294967300})"), HasSubstr("out of range"));
  EXPECT_THAT(refusal(R"({"channels": -4294967292})"), HasSubstr("out of range"));
  EXPECT_THAT(refusal(R"({"channels": 18446744073709551615})"), HasSubstr("out of range"));
  EXPECT_THAT(refusal(R"({"frames": 9223372036854775808})"), HasSubstr("out of range"));
  EXPECT_THAT(refusal(R"({"seed": -1})"), HasSubstr("out of range"));
  EXPECT_EQ(from_json<Sample>(Json::parse(R"({"seed": 4294967295})"), "").seed, 4294967295U);
}

TEST(Config, IntegersInListsThatDoNotFitAreRefusedNotWrapped) {
  EXPECT_EQ(refusal(R"({"dilations": [1, 4294967297]})"),
            "steps.3.dilations.1: the number 4294967297 is out of range");
  EXPECT_EQ(refusal(R"({"dilations": [1.5]})"),
            "steps.3.dilations.0: expected a whole number, found 1.5");
}

TEST(Config, ForeignTextInMessagesIsShortAndNoSecondError) {
  Json json = Json::object();
  json["channels"] = "\xff\xfe" + std::string(1000, 'x');
  const Error error = thrown_by([&] { from_json<Sample>(json, ""); });
  EXPECT_LT(std::string(error.what()).size(), 200U);
  std::string deep(500, '[');
  EXPECT_THAT(refusal(R"({"channels": )" + deep + std::string(500, ']') + "}"),
              HasSubstr("expected a whole number"));
}

TEST(Config, NotANumberIsOutOfEveryRange) {
  Json json = Json::object();
  json["scale"] = std::nan("");
  EXPECT_THROW(from_json<Sample>(json, ""), Error);
}

TEST(Config, DescribesEveryField) {
  const std::string lines = describe_fields<Sample>();
  EXPECT_THAT(lines, HasSubstr("  channels = 8"));
  EXPECT_THAT(lines, HasSubstr("how the log-scale is bounded\n"));
  EXPECT_THAT(lines, HasSubstr("  dilations = [1,2]"));
}

}  // namespace
}  // namespace fluvox
