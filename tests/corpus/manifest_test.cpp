#include "corpus/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/made_speech.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox::corpus {
namespace {

using support::slurp;
using support::spill;
using support::thrown_by;
using testing::HasSubstr;
using testing::Not;

TEST(Manifest, ComesBackAsItWasAndMovesWithItsFolder) {
  const support::TempFolder folder;
  std::filesystem::create_directories(folder / "a/clips");
  const std::vector<Entry> entries = {
      {folder / "a/clips/x.wav", "x", "x", 0, 100, 22050, "anna", "said \"x\" — здесь\n", -23.5,
       "train"},
      {"/elsewhere/y.wav", "y-01", "y", 7, 5, 8000, "", "", -31.25, "held-out"}};
  write_manifest(folder / "a/manifest.jsonl", entries);
  EXPECT_THAT(slurp(folder / "a/manifest.jsonl"), HasSubstr("\"path\":\"clips/x.wav\""));
  std::filesystem::rename(folder / "a", folder / "b");
  const auto back = read_manifest(folder / "b/manifest.jsonl");
  ASSERT_EQ(back.size(), 2u);
  EXPECT_EQ(back[0].path, (folder / "b/clips/x.wav").string());
  EXPECT_EQ(back[1].path, "/elsewhere/y.wav");
  for (size_t i = 0; i < 2; ++i) {
    Entry expected = entries[i], found = back[i];
    expected.path = found.path = "";
    EXPECT_EQ(to_json(found), to_json(expected));
  }
}

TEST(Manifest, ABadLineIsNamed) {
  const support::TempFolder folder;
  const auto refusal = [&](const std::string& line) {
    const std::string good =
        R"({"path": "a.wav", "name": "a", "samples": 5, "rate": 8000, "loudness": -20})";
    spill(folder / "m.jsonl", good + "\r\n\n" + line);
    EXPECT_THAT(thrown_by([&] { read_manifest(folder / "m.jsonl"); }).what(),
                HasSubstr("m.jsonl:3"));
    return thrown_by([&] { read_manifest(folder / "m.jsonl"); });
  };
  EXPECT_EQ(refusal("{").code(), "json-invalid");
  EXPECT_EQ(refusal("[]").code(), "config-invalid");
  EXPECT_THAT(refusal(R"({"paht": "a"})").what(), HasSubstr("did you mean 'path'"));
  EXPECT_EQ(refusal(R"({"path": "a", "name": "a"})").code(), "manifest-incomplete");
  EXPECT_EQ(refusal(R"({"path": "a", "name": "a", "samples": -5, "rate": 8000})").code(),
            "config-invalid");
  EXPECT_EQ(
      refusal(R"({"path": "a", "name": "a", "samples": 5, "rate": 8000, "split": "test"})").code(),
      "config-invalid");
  EXPECT_EQ(refusal(R"({"name": "a", "samples": 5, "rate": 8000})").code(), "manifest-incomplete");
  spill(folder / "m.jsonl", "\n");
  EXPECT_EQ(thrown_by([&] { read_manifest(folder / "m.jsonl"); }).code(), "manifest-empty");
}

TEST(Manifest, ReadsPartsAndSeesChangedFiles) {
  const support::TempFolder folder;
  const std::vector<float> speech = support::made_speech(8000, 1, 1);
  audio::write_sound(folder / "a.wav", speech, 8000, audio::Encoding::f32);
  Entry entry{folder / "a.wav", "a", "a", 100, 400, 8000, "", "", -20, ""};
  Reader reader;
  const std::vector<float> part = reader.read_at(entry, 0);
  EXPECT_EQ(part, std::vector<float>(speech.begin() + 100, speech.begin() + 500));
  EXPECT_EQ(reader.read_at(entry, 16000).size(), 800u);
  for (const auto& [first, samples, rate] :
       {std::tuple<int64_t, int64_t, int>{7601, 400, 8000}, {0, 8001, 8000}, {0, 10, 16000}}) {
    Entry wrong = entry;
    wrong.first = first;
    wrong.samples = samples;
    wrong.rate = rate;
    EXPECT_EQ(thrown_by([&] { reader.read_at(wrong, 0); }).code(), "manifest-outdated");
  }
}

}  // namespace
}  // namespace fluvox::corpus
