#include "corpus/prepare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audio/loudness.h"
#include "corpus/split.h"
#include "support/made_speech.h"
#include "support/made_wav.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox::corpus {
namespace {

namespace fs = std::filesystem;
using support::made_speech;
using support::slurp;
using support::spill;
using support::thrown_by;
using testing::ElementsAre;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr int kRate = 22050;

class Preparing : public testing::Test {
 protected:
  Preparing() { fs::create_directories(in()); }

  fs::path in() const { return folder_.path() / "in"; }
  fs::path out() const { return folder_.path() / "out"; }
  void speech(const std::string& name, double seconds = 1, uint64_t seed = 1, int rate = kRate) {
    audio::write_sound(in() / name, made_speech(rate, seconds, seed), rate);
  }
  Prepared done(const Settings& settings = {}) const {
    return prepare(list_corpus(in()), settings, out(), 2, ProgressMode::none);
  }

  support::TempFolder folder_;
};

std::vector<std::string> names(const Prepared& done, const std::string& split) {
  std::vector<std::string> found;
  for (const Entry& entry : done.entries)
    if (entry.split == split) found.push_back(entry.name);
  return found;
}

TEST_F(Preparing, PointsAtTheOriginalsAndSaysWhatTheyAre) {
  speech("a.wav", 1, 1);
  speech("b.flac", 1.5, 2, 16000);
  const Prepared one = done();
  const auto entries = read_manifest(one.manifest);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].path, (in() / "a.wav").string());
  EXPECT_EQ(entries[0].samples, kRate);
  EXPECT_EQ(entries[1].rate, 16000);
  EXPECT_EQ(entries[1].samples, 24000);
  for (const Entry& entry : entries) {
    const audio::Sound sound = audio::read_sound(entry.path);
    EXPECT_EQ(entry.loudness, audio::integrated_loudness(sound.samples, sound.rate));
    EXPECT_EQ(entry.split, "");
  }
  EXPECT_EQ(one.seconds(), 2.5);
  EXPECT_THAT(folder_.names(), UnorderedElementsAre("in", "out"));
  EXPECT_FALSE(fs::exists(out() / "clips"));
}

TEST_F(Preparing, WhatCannotBeUsedIsReportedWithTheReason) {
  speech("good.wav");
  speech("short.wav", 0.2);
  audio::write_sound(in() / "silent.wav", std::vector<float>(kRate, 0.0F), kRate);
  std::vector<float> clipped = made_speech(kRate, 1, 3);
  for (float& x : clipped) x *= 20;
  audio::write_sound(in() / "clipped.wav", clipped, kRate);
  speech("cut.wav", 1, 4);
  fs::resize_file(in() / "cut.wav", 20000);
  spill(in() / "text.wav", "this is no sound");
  spill(in() / "empty.wav", "");
  spill(in() / "rate.wav", support::MadeWav{.rate = 0, .data = std::string(50000, 'x')}.bytes());
  const Prepared result = done();
  EXPECT_THAT(names(result, ""), ElementsAre("good"));
  EXPECT_THAT(result.reasons(),
              UnorderedElementsAre(Pair("too-short", 1), Pair("silent", 1), Pair("clipped", 1),
                                   Pair("sound-truncated", 1), Pair("sound-unreadable", 2),
                                   Pair("sound-empty", 1)));
}

TEST_F(Preparing, NothingUsableIsAnError) {
  speech("short.wav", 0.1);
  EXPECT_EQ(thrown_by([&] { done(); }).code(), "corpus-empty");
  EXPECT_FALSE(fs::exists(out() / "manifest.jsonl"));
  EXPECT_THAT(slurp(out() / "rejected.jsonl"), testing::HasSubstr("too-short"));
}

TEST_F(Preparing, ClipsAreResampledTrimmedSplitAndLevelled) {
  std::vector<float> long_one(16000, 0.0F);  // a second of silence, speech, a pause, speech
  for (const uint64_t seed : {1, 2}) {
    auto part = made_speech(32000, 3, seed);
    for (float& x : part) x *= 0.2F;
    long_one.insert(long_one.end(), part.begin(), part.end());
    long_one.resize(long_one.size() + 16000);
  }
  audio::write_sound(in() / "long.wav", long_one, 32000);
  const Prepared result =
      done({.rate = kRate, .trim = true, .split = 4.5, .normalize = "lufs:-27"});
  ASSERT_EQ(result.entries.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const Entry& entry = result.entries[i];
    EXPECT_EQ(entry.name, i == 0 ? "long-001" : "long-002");
    EXPECT_EQ(entry.recording, "long");
    EXPECT_EQ(entry.rate, kRate);
    const audio::Sound clip = audio::read_sound(entry.path);
    EXPECT_EQ(clip.rate, kRate);
    EXPECT_EQ(static_cast<int64_t>(clip.samples.size()), entry.samples);
    EXPECT_NEAR(audio::integrated_loudness(clip.samples, kRate), -27, 0.05);
    EXPECT_GT(entry.seconds(), 2);
    EXPECT_LT(entry.seconds(), 3.4);
  }
  EXPECT_EQ(result.limited, 0u);
}

TEST_F(Preparing, ALowRateIsTakenOnlyWhenAskedFor) {
  speech("low.wav", 1, 1, 16000);
  speech("high.wav", 1, 2, 24000);
  const Prepared result = done({.rate = kRate});
  EXPECT_THAT(names(result, ""), ElementsAre("high"));
  EXPECT_THAT(result.reasons(), ElementsAre(Pair("rate-low", 1)));
  EXPECT_EQ(done({.rate = kRate, .upsample = true}).entries.size(), 2u);
}

TEST_F(Preparing, KaldiSegmentsArePartsOfTheirFile) {
  speech("r.wav", 4);
  spill(in() / "wav.scp", "r r.wav\n");
  spill(in() / "segments", "u1 r 0.5 1.5\nu2 r 2 4.05\nu3 r 3 9\nu4 r 5 6\n");
  const Prepared result = done();
  ASSERT_EQ(result.entries.size(), 2u);
  EXPECT_EQ(result.entries[0].first, kRate / 2);
  EXPECT_EQ(result.entries[0].samples, kRate);
  EXPECT_EQ(result.entries[1].samples, 2 * kRate);
  EXPECT_THAT(result.reasons(), ElementsAre(Pair("beyond-the-end", 2)));
  const std::vector<float> whole = audio::read_sound(in() / "r.wav").samples;
  Reader reader;
  EXPECT_EQ(reader.read_at(result.entries[0], 0),
            std::vector<float>(whole.begin() + kRate / 2, whole.begin() + kRate / 2 + kRate));
}

TEST_F(Preparing, TheHeldOutAreThoseOfTheLowestHash) {
  std::set<std::string> all;
  for (const char* name : {"a__1", "a__2", "b__1", "b__2", "c__1"}) {
    speech(std::string(name) + ".wav");
    all.insert(name);
  }
  const Prepared clips = done({.held_out = 2, .seed = 5});
  const auto expected = held_out(all, 2, 5);
  EXPECT_THAT(names(clips, "held-out"), testing::UnorderedElementsAreArray(expected));
  EXPECT_EQ(names(clips, "train").size(), 3u);
  const Prepared speakers = done({.held_out = 1, .by = "speaker", .seed = 5});
  const std::string speaker = *held_out({"a", "b", "c"}, 1, 5).begin();
  for (const Entry& entry : speakers.entries)
    EXPECT_EQ(entry.split == "held-out", entry.speaker == speaker) << entry.name;
  const Prepared listed = done({.listed = {"b__2", "zzz"}});
  EXPECT_THAT(names(listed, "held-out"), ElementsAre("b__2"));
  EXPECT_THAT(listed.not_found, ElementsAre("zzz"));
  EXPECT_EQ(thrown_by([&] { done({.held_out = 5}); }).code(), "corpus-held-out");
}

TEST_F(Preparing, PiecesOfOneRecordingStayTogether) {
  for (uint64_t i = 0; i < 4; ++i)
    speech(std::string(1, static_cast<char>('a' + i)) + ".wav", 5, i);
  const Prepared result = done({.split = 2, .held_out = 2});
  std::map<std::string, std::set<std::string>> splits;
  for (const Entry& entry : result.entries) splits[entry.recording].insert(entry.split);
  EXPECT_EQ(splits.size(), 4u);
  for (const auto& [recording, found] : splits) EXPECT_EQ(found.size(), 1u) << recording;
}

TEST_F(Preparing, ARerunTakesWhatIsKnownAndSeesWhatChanged) {
  for (const char* name : {"a.wav", "b.wav", "c.wav"}) speech(name, 1, 1);
  spill(in() / "bad.wav", "no sound");
  const Settings settings{.rate = 16000};
  const Prepared first = done(settings);
  EXPECT_EQ(first.known, 0u);
  const std::string manifest = slurp(out() / "manifest.jsonl"),
                    bad = slurp(out() / "rejected.jsonl");
  const Prepared second = done(settings);
  EXPECT_EQ(second.known, 4u);
  EXPECT_EQ(slurp(out() / "manifest.jsonl"), manifest);
  EXPECT_EQ(slurp(out() / "rejected.jsonl"), bad);
  // A file that changed, a clip that is gone, a line cut short, one that is nonsense.
  speech("a.wav", 2, 5);
  fs::remove(out() / "clips/b.flac");
  std::string journal = slurp(out() / ".prepared.jsonl");
  spill(out() / ".prepared.jsonl", "{\"key\": 5}\n" + journal + "{\"key\":\"3");
  const Prepared third = done(settings);
  EXPECT_EQ(third.known, 2u);
  EXPECT_EQ(third.entries[0].samples, 32000);
  EXPECT_TRUE(fs::exists(out() / "clips/b.flac"));
  EXPECT_EQ(done(settings).known, 4u);
  // Other settings, other results.
  EXPECT_EQ(done({.rate = 8000}).known, 0u);
}

TEST_F(Preparing, ThreadsChangeNothing) {
  for (uint64_t i = 0; i < 9; ++i) speech("c" + std::to_string(i) + ".wav", 0.6, i);
  const Listing listing = list_corpus(in());
  const Settings settings{.trim = true, .held_out = 3};
  prepare(listing, settings, folder_ / "one", 1, ProgressMode::none);
  prepare(listing, settings, folder_ / "four", 4, ProgressMode::none);
  EXPECT_EQ(slurp(folder_ / "one/manifest.jsonl"), slurp(folder_ / "four/manifest.jsonl"));
}

}  // namespace
}  // namespace fluvox::corpus
