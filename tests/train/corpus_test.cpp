#include "train/corpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audio/sound_file.h"
#include "corpus/manifest.h"
#include "corpus/prepare.h"
#include "support/made_speech.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox::train {
namespace {

namespace fs = std::filesystem;
using support::thrown_by;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAreArray;

constexpr int kRate = 22050;

class ReadCorpus : public testing::Test {
 protected:
  ReadCorpus() {
    fs::create_directories(wavs());
    for (const char* name : {"a__1", "a__2", "b__1", "c__1", "c__2", "c__3"})
      audio::write_sound(wavs() / (std::string(name) + ".wav"),
                         support::made_speech(kRate, 0.8, static_cast<uint64_t>(name[3])), kRate);
  }
  fs::path wavs() const { return folder_.path() / "wavs"; }
  std::string prepared(const corpus::Settings& settings = {}) const {
    return corpus::prepare(corpus::list_corpus(wavs()), settings, folder_ / "prepared", 1,
                           ProgressMode::none)
        .manifest;
  }
  static Corpus read(const Json& corpus, int rate = kRate) {
    TrainSettings settings;
    settings.corpora = {corpus};
    return read_corpus(settings, rate, 100, ProgressMode::none);
  }
  static std::vector<std::string> names(const std::vector<Clip>& clips) {
    std::vector<std::string> found;
    for (const Clip& clip : clips) found.push_back(clip.name);
    return found;
  }
  support::TempFolder folder_;
};

TEST_F(ReadCorpus, AManifestOfTheOriginalsIsTheFolder) {
  for (const char* by : {"clip", "speaker"}) {
    const Corpus folder = read({{"path", wavs().string()}, {"held_out", 2}, {"by", by}}),
                 manifest = read({{"path", prepared()}, {"held_out", 2}, {"by", by}});
    EXPECT_EQ(names(manifest.held_out), names(folder.held_out)) << by;
    ASSERT_EQ(names(manifest.clips), names(folder.clips)) << by;
    EXPECT_EQ(manifest.clips[0].samples, folder.clips[0].samples);
    EXPECT_EQ(manifest.weights, folder.weights);
    EXPECT_THAT(folder.names, ElementsAre("wavs"));
    EXPECT_THAT(manifest.names, ElementsAre("prepared"));
  }
}

TEST_F(ReadCorpus, TheManifestsWordOnWhatIsHeldOutCounts) {
  const Corpus corpus = read({{"path", prepared({.listed = {"c__2", "a__1"}})}, {"held_out", 4}});
  EXPECT_THAT(names(corpus.held_out), ElementsAre("a__1", "c__2"));
  EXPECT_EQ(corpus.clips.size(), 4u);
}

TEST_F(ReadCorpus, PartsOfAFileAreClips) {
  corpus::Entry entry{wavs() / "a__1.wav", "part", "a__1", 4000, 8000, kRate, "", "", -20, ""};
  corpus::write_manifest(folder_ / "parts.jsonl", {entry});
  const Corpus corpus = read({{"path", (folder_ / "parts.jsonl").string()}, {"held_out", 0}});
  ASSERT_EQ(corpus.clips.size(), 1u);
  const auto whole = read({{"path", wavs().string()}, {"held_out", 0}}).clips[0].samples;
  EXPECT_EQ(corpus.clips[0].samples,
            std::vector<int16_t>(whole.begin() + 4000, whole.begin() + 12000));
}

TEST_F(ReadCorpus, WhatChangedSinceIsRejected) {
  const std::string manifest = prepared();
  audio::write_sound(wavs() / "b__1.wav", support::made_speech(kRate, 0.7, 9), kRate);
  fs::remove(wavs() / "c__1.wav");
  const Corpus corpus = read({{"path", manifest}, {"held_out", 1}});
  ASSERT_EQ(corpus.rejected.size(), 2u);
  EXPECT_THAT(corpus.rejected[0], HasSubstr("prepare again"));
  EXPECT_THAT(corpus.rejected[1], HasSubstr("c__1.wav"));
  EXPECT_EQ(corpus.clips.size() + corpus.held_out.size(), 4u);
}

TEST_F(ReadCorpus, WhatIsMissingIsSaid) {
  EXPECT_EQ(thrown_by([] { read({{"path", "/no/such"}}); }).code(), "corpus-missing");
  EXPECT_NE(thrown_by([] { read({{"path", "/no/such/manifest.jsonl"}}); }).code(), "");
  fs::remove_all(wavs());
  fs::create_directories(wavs());
  audio::write_sound(wavs() / "x.wav", support::made_speech(kRate, 1, 1), kRate);
  EXPECT_EQ(thrown_by([&] {
              read({{"path", prepared()}, {"by", "speaker"}});
            }).code(),
            "speaker-missing");
}

}  // namespace
}  // namespace fluvox::train
