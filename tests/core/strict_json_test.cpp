#include "core/strict_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/throws.h"

namespace fluvox {
namespace {

using support::thrown_by;
using testing::AllOf;
using testing::HasSubstr;

std::string refusal(std::string_view source) {
  const Error error = thrown_by([&] { parse_json(source, "here"); });
  EXPECT_EQ(error.code(), "json-invalid");
  EXPECT_EQ(error.fault(), Fault::input);
  return error.what();
}

TEST(StrictJson, KeepsTheOrderAndTheValues) {
  const Json json =
      parse_json(R"( {"b": [1, -2.5, {"c": null}], "a": {"c": "x", "b": true}} )", "");
  EXPECT_EQ(json.dump(), R"({"b":[1,-2.5,{"c":null}],"a":{"c":"x","b":true}})");
  EXPECT_EQ(parse_json("7", ""), 7);
}

TEST(StrictJson, ANameStandsOnceAtEveryLevel) {
  EXPECT_THAT(refusal(R"({"a": 1, "b": 2, "a": 1})"), AllOf(HasSubstr("here"), HasSubstr("\"a\"")));
  EXPECT_THAT(refusal(R"({"x": [{"y": {"k": 1, "\u006b": 2}}]})"), HasSubstr("\"k\""));
  EXPECT_THAT(refusal(R"({"a": {"a": 1}, "a": 1})"), HasSubstr("twice"));
  EXPECT_NO_THROW(parse_json(R"({"a": {"a": {"a": 1}}, "b": [{"a": 1}, {"a": 1}]})", ""));
}

TEST(StrictJson, IsJsonToTheLastByte) {
  for (const char* bad : {"", "{", "{}}", "{} x", "{'a': 1}", "[1,]", "nan", "1e999", "\"\xff\"",
                          "\"\x01\"", "// a\n1", "tru"})
    refusal(bad);
  EXPECT_THAT(refusal(std::string_view("{}\0{", 4)), HasSubstr("zero byte at 2"));
}

TEST(StrictJson, IsBounded) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_NO_THROW(parse_json(nested(64), ""));
  EXPECT_THAT(refusal(nested(65)), HasSubstr("64 deep"));
  refusal(std::string(1000000, '['));
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  EXPECT_THAT(refusal(objects), HasSubstr("64 deep"));
  EXPECT_THAT(refusal('"' + std::string(5 << 20, 'x') + '"'), HasSubstr("5242882"));

  std::string names = "{";
  for (int i = 0; i < 4096; ++i) names += text(i ? "," : "", "\"", i, "\":0");
  EXPECT_NO_THROW(parse_json(names + "}", ""));
  EXPECT_THAT(refusal(names + ",\"x\":0}"), HasSubstr("4096 names"));
}

TEST(InQuotes, ShowsNothingThatMovesACursor) {
  EXPECT_EQ(in_quotes("steps.3"), "\"steps.3\"");
  EXPECT_EQ(in_quotes("a\x1b[2J\n\""), R"("a\u001b[2J\n\"")");
  EXPECT_EQ(in_quotes("\xff"), R"("\ufffd")");
  EXPECT_EQ(in_quotes(std::string(1000, 'x')), '"' + std::string(80, 'x') + "\"...");
}

}  // namespace
}  // namespace fluvox
