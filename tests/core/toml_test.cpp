#include "core/toml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox {
namespace {

using support::thrown_by;
using testing::HasSubstr;

std::string refusal(const std::string& source) {
  const Error error = thrown_by([&] { parse_toml(source, "settings.toml"); });
  EXPECT_EQ(error.fault(), Fault::input);
  EXPECT_EQ(error.code(), "toml-invalid");
  EXPECT_LT(std::string(error.what()).size(), 1000U);
  return error.what();
}

std::string repeat(const std::string& part, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += part;
  return all;
}

TEST(Toml, BecomesJson) {
  const Json json = parse_toml(R"(
name = "voice"   # a comment with "quotes' and . . . . dots
rate = 1e-4
steps = 9223372036854775807
deep.er = true
path = '''a.b.c.d
e.f'''
[train]
lengths = [1, 2, [3]]
[[model]]
kind = 'wn'
[[model]]
kind = "x\"y"
)",
                               "t");
  EXPECT_EQ(json["name"], "voice");
  EXPECT_EQ(json["rate"], 1e-4);
  EXPECT_EQ(json["steps"], 9223372036854775807);
  EXPECT_EQ(json["deep"]["er"], true);
  EXPECT_EQ(json["path"], "a.b.c.d\ne.f");
  EXPECT_EQ(json["train"]["lengths"], Json::parse("[1,2,[3]]"));
  EXPECT_EQ(json["model"][1]["kind"], "x\"y");
  EXPECT_EQ(parse_toml("", "t"), Json::object());
}

TEST(Toml, MistakesAreGivenWithLineAndColumn) {
  EXPECT_THAT(refusal("a = 1\nb = = 2\n"), HasSubstr("settings.toml:2:5: "));
  EXPECT_THAT(refusal("a = 1\na = 2\n"), HasSubstr("settings.toml:2:"));
  EXPECT_THAT(refusal("a = \"open"), HasSubstr("settings.toml:1:"));
  EXPECT_THAT(refusal("x = 1\n\nwhen = 2020-01-01\n"), HasSubstr("settings.toml:3:8: dates"));
  EXPECT_THAT(refusal("a = nan"), HasSubstr("finite"));
  EXPECT_THAT(refusal("a = -inf"), HasSubstr("finite"));
  EXPECT_THAT(refusal("a = 99999999999999999999"), HasSubstr("settings.toml:1:"));
}

TEST(Toml, HostileNestingIsRefusedNotFollowed) {
  refusal("a = " + repeat("[", 100'000));
  refusal("a = " + repeat("[", 100'000) + repeat("]", 100'000));
  refusal(repeat("a = {", 100'000));
  refusal("[" + repeat("a.", 500'000) + "a]\n");
  refusal(repeat("a.", 500'000) + "a = 1\n");
  refusal(repeat("\"a\".", 300'000) + "a = 1\n");
  refusal("x = {" + repeat("'a,' . ", 300'000) + "a = 1}\n");
  refusal("x = \"\"\"\n\"\"\"\n" + repeat("a.", 500'000) + "a = 1\n");
  // Keys of allowed length, nested as deep as allowed: still bounded.
  const std::string key = repeat("a.", 30) + "a";
  refusal(repeat(key + " = {", 60));
  refusal("v = " + repeat("{" + key + " = ", 60) + "1" + repeat("}", 60));
  refusal(std::string(5 << 20, '#'));
}

TEST(Toml, CharactersBeyondAsciiBelongInQuotes) {
  EXPECT_EQ(parse_toml("\xef\xbb\xbf# caf\xc3\xa9\nname = 'caf\xc3\xa9'", "t")["name"],
            "caf\xc3\xa9");
  EXPECT_EQ(parse_toml("a = \"\"\"\xc3\xa9\\\n  b\"\"\"", "t")["a"],
            "\xc3\xa9"
            "b");
  EXPECT_THAT(refusal("a = 1\ncaf\xc3\xa9 = 1"),
              HasSubstr("settings.toml:2: characters beyond ASCII"));
  refusal("a = 1\xc2\xa0");
  refusal("a = \"\"\"\\\n  \xc3\xa9\"\"\"");
  refusal("a = \"x\" \xef\xb8\x8f");
  refusal("a = '\xff\xfe'");
  refusal("a = 1'x\xc3\xa9'");
  refusal("a = \"\"\"x\"\"\"\"\"\"\xc3\xa9\"");
  EXPECT_EQ(parse_toml("a = \"\"\"x\"\"\"\"\"", "t")["a"], "x\"\"");
  // Quotes that begin no string, for they stand inside of a word.
  for (const char* word : {"0[['", "0[\n['", "b='", "1.'", "[1='", "[0{'", "[[1='", "{b = c='"})
    refusal(text("a = ", word, "\xd0\xb9'"));
  EXPECT_EQ(
      parse_toml("a = [[1, ['\xd0\xb9']], {k.'\xd0\xb9' = '\xd0\xb9', l = [\n'\xd0\xb9']}]\n"
                 "[x.'\xd0\xb9']\n'\xd0\xb9'.\"\xd0\xb9\" = '\xd0\xb9'\n",
                 "t"),
      Json::parse(
          "{\"a\":[[1,[\"\xd0\xb9\"]],{\"k\":{\"\xd0\xb9\":\"\xd0\xb9\"},\"l\":[\"\xd0\xb9\"]}],"
          "\"x\":{\"\xd0\xb9\":{\"\xd0\xb9\":{\"\xd0\xb9\":\"\xd0\xb9\"}}}}"));
}

TEST(Toml, DottedTextThatIsNoKeyIsFine) {
  EXPECT_EQ(parse_toml("a = '" + repeat(".", 1000) + "'", "t")["a"].get<std::string>().size(),
            1000U);
  const Json list = parse_toml("a = [" + repeat("0.5, ", 1000) + "]", "t");
  EXPECT_EQ(list["a"].size(), 1000U);
  EXPECT_EQ(parse_toml("# " + repeat(".", 1000) + "\na = 1.5", "t")["a"], 1.5);
}

TEST(Toml, DamagedTextIsParsedOrRefusedNeverWorse) {
  const std::string good = R"([train]
rate = 1e-4 # x
name = "v\u00e9"
[[s]]
k = {a.b = [1, 'x']}
when = 2020-01-01T10:00:00Z
hex = 0xff_f
text = """q\
  r"""
'q'."r" = inf
)";
  const std::string kMeaning = "[]{}.=\"'#\n\\a0,_-+:T \r\t";
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string bad = good;
    for (unsigned n = 1 + random() % 4; n > 0; --n)
      bad[random() % bad.size()] = static_cast<char>(
          random() % 3 ? kMeaning[random() % kMeaning.size()] : static_cast<int>(random() % 256));
    bad.resize(random() % 3 ? bad.size() : random() % bad.size());
    try {
      parse_toml(bad, "t");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), "toml-invalid");
    }
  }
}

TEST(Toml, FilesAreNamedInMessages) {
  support::TempFolder folder;
  support::spill(folder / "c.toml", "a = [1, 2\n");
  EXPECT_THAT(thrown_by([&] { read_toml(folder / "c.toml"); }).what(), HasSubstr("c.toml:1:11: "));
  EXPECT_EQ(thrown_by([&] { read_toml(folder / "none.toml"); }).code(), "file-missing");
}

TEST(SetValue, SetsAndMakesTheTablesOnTheWay) {
  Json json = Json::parse(R"({"train": {"rate": 1}, "steps": [{"n": 1}, {"n": 2}]})");
  set_value(json, "train.rate=1e-4");
  set_value(json, "train.new.flag=true");
  set_value(json, "steps.1.n=7");
  set_value(json, "name=voice-2");
  set_value(json, "text=\"1\"");
  set_value(json, "list=[1, 2]");
  set_value(json, "path=a/b=c.wav");
  EXPECT_EQ(json, Json::parse(R"({"train": {"rate": 1e-4, "new": {"flag": true}},
      "steps": [{"n": 1}, {"n": 7}], "name": "voice-2", "text": "1", "list": [1, 2],
      "path": "a/b=c.wav"})"));
  Json fresh;
  set_value(fresh, "a.b=1");
  EXPECT_EQ(fresh.dump(), R"({"a":{"b":1}})");
}

TEST(SetValue, RefusesWhatItCannotPlace) {
  const auto refused = [](const std::string& assignment) {
    Json json = Json::parse(R"({"a": 1, "l": [1, 2]})");
    const Error error = thrown_by([&] { set_value(json, assignment); });
    EXPECT_EQ(error.fault(), Fault::usage);
    EXPECT_EQ(error.code(), "set-invalid");
    return std::string(error.what());
  };
  EXPECT_THAT(refused("rate"), HasSubstr("expected name=value"));
  EXPECT_THAT(refused("=1"), HasSubstr("expected name=value"));
  EXPECT_THAT(refused("b="), HasSubstr("expected a value"));
  EXPECT_THAT(refused("b..c=1"), HasSubstr("empty"));
  EXPECT_THAT(refused("a.b=1"), HasSubstr("nothing lies inside the value 1"));
  EXPECT_THAT(refused("l.2=1"), HasSubstr("index below 2"));
  EXPECT_THAT(refused("l.-1=1"), HasSubstr("index below 2"));
  EXPECT_THAT(refused("b=[1"), HasSubstr("--set b=[1"));
  EXPECT_THAT(refused("name=\xcc"), HasSubstr("UTF-8"));
  EXPECT_THAT(refused("na\xcc\x72=1"), HasSubstr("UTF-8"));
  EXPECT_THAT(refused("b=1\nc=2"), HasSubstr("expected one value"));
  refused(repeat("a.", 100'000) + "a=1");
}

}  // namespace
}  // namespace fluvox
