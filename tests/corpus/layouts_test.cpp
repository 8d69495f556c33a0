#include "corpus/layouts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox::corpus {
namespace {

namespace fs = std::filesystem;
using support::spill;
using support::thrown_by;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Layouts : public testing::Test {
 protected:
  // A file with its folders; what is in it does not matter here.
  void put(const std::string& name, const std::string& content = "x") const {
    fs::create_directories((folder_ / name).parent_path());
    spill(folder_ / name, content);
  }
  Listing listed(const std::string& kind = "auto") const {
    return list_corpus(folder_.path(), kind);
  }
  support::TempFolder folder_;
};

// "name|speaker|text" of each source, sorted
std::vector<std::string> words(const Listing& listing) {
  std::vector<std::string> lines;
  for (const Source& s : listing.sources) lines.push_back(s.name + "|" + s.speaker + "|" + s.text);
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::vector<std::string> codes(const Listing& listing) {
  std::vector<std::string> found;
  for (const Rejected& r : listing.rejected) found.push_back(r.what + " " + r.code);
  return found;
}

TEST_F(Layouts, LJSpeech) {
  put("metadata.csv",
      "LJ1|In 1999, so|In nineteen ninety-nine, so\r\nLJ2|Raw alone\nLJ3|gone|gone\n");
  put("wavs/LJ1.wav");
  put("wavs/LJ2.flac");
  put("wavs/LJ4.wav");
  const Listing listing = listed();
  EXPECT_EQ(listing.kind, "ljspeech");
  EXPECT_THAT(words(listing),
              ElementsAre("LJ1||In nineteen ninety-nine, so", "LJ2||Raw alone", "LJ4||"));
  EXPECT_THAT(codes(listing), ElementsAre("LJ3 recording-missing"));
}

TEST_F(Layouts, LJSpeechWithSpeakers) {
  put("metadata.csv", "p1__a|p1|First of all.|CC BY 4.0\n");
  put("wavs/p1__a.flac");
  EXPECT_THAT(words(listed()), ElementsAre("p1__a|p1|First of all."));
}

TEST_F(Layouts, LibriTTSOldAndNewAndLibriSpeech) {
  put("84/121/84_121_000.wav");
  put("84/121/84_121_001.wav");
  put("84/121/84_121.trans.tsv",
      "84_121_000\tMr. Smith\tMister Smith\n84_121_001\tTwo\tTwo words\n84_121_009\tx\ty\n");
  put("19/198/19_198_000.wav");
  put("19/198/19_198_000.normalized.txt", "One alone.\n");
  put("7/8/7-8-0000.flac");
  put("7/8/7-8.trans.txt", "7-8-0000 SHOUTED WORDS\n");
  const Listing listing = listed();
  EXPECT_EQ(listing.kind, "libritts");
  EXPECT_THAT(words(listing), ElementsAre("19_198_000|19|One alone.", "7-8-0000|7|SHOUTED WORDS",
                                          "84_121_000|84|Mister Smith", "84_121_001|84|Two words"));
  EXPECT_THAT(codes(listing), ElementsAre("84_121_009 recording-missing"));
}

TEST_F(Layouts, VctkNewAndOld) {
  put("wav48_silence_trimmed/p225/p225_001_mic1.flac");
  put("wav48_silence_trimmed/p225/p225_001_mic2.flac");
  put("wav48_silence_trimmed/s5/s5_001_mic1.flac");
  put("txt/p225/p225_001.txt", "Please call Stella.\n");
  const Listing listing = listed();
  EXPECT_EQ(listing.kind, "vctk");
  EXPECT_THAT(words(listing),
              ElementsAre("p225_001_mic1|p225|Please call Stella.", "s5_001_mic1|s5|"));
  const support::TempFolder old;
  fs::create_directories(old / "wav48/p226");
  fs::create_directories(old / "txt/p226");
  spill(old / "wav48/p226/p226_002.wav", "x");
  spill(old / "txt/p226/p226_002.txt", "Ask her.\n");
  EXPECT_THAT(words(list_corpus(old.path())), ElementsAre("p226_002|p226|Ask her."));
}

TEST_F(Layouts, JsutWithTranscriptsOrLabels) {
  put("basic5000/wav/BASIC5000_0001.wav");
  put("basic5000/transcript_utf8.txt", "BASIC5000_0001:水をマレーシアから買わなくてはならない。\n");
  put("loanword128/wav/L_001.wav");
  put("loanword128/lab/L_001.lab",
      "0 3125000 xx^xx-sil+m=i/A:xx\n3125000 3525000 xx^sil-m+i=z/A:-3\n");
  const Listing listing = listed();
  EXPECT_EQ(listing.kind, "jsut");
  EXPECT_THAT(words(listing),
              ElementsAre("BASIC5000_0001|jsut|水をマレーシアから買わなくてはならない。",
                          "L_001|jsut|sil m"));
}

TEST_F(Layouts, KaldiNeverRunsAPipe) {
  const std::string canary = folder_ / "canary";
  put("a.wav");
  put("wav.scp", "u1 " + (folder_ / "a.wav").string() + "\nu2 a.wav\nu3 touch " + canary +
                     " && cat a.wav |\n");
  put("text", "u1 so it  goes\nu2\tand on\n");
  put("utt2spk", "u1 anna\nu2 ben\n");
  const Listing listing = listed();
  EXPECT_EQ(listing.kind, "kaldi");
  EXPECT_THAT(words(listing), ElementsAre("u1|anna|so it  goes", "u2|ben|and on"));
  EXPECT_EQ(listing.sources[1].path, folder_ / "a.wav");
  EXPECT_THAT(codes(listing), ElementsAre("u3 kaldi-pipe"));
  EXPECT_THAT(listing.rejected[0].reason, HasSubstr("touch"));
  EXPECT_FALSE(fs::exists(canary));
}

TEST_F(Layouts, KaldiSegmentsOfOneFileStandTogether) {
  put("a.wav");
  put("b.wav");
  put("wav.scp", "ra a.wav\nrb b.wav\n");
  put("segments",
      "u4 ra 2.5 -1\nu1 rb 0 1\nu2 ra 0.25 2.5\nbad ra 3 2\nworse ra x 2\nshort ra\nnone rz 0 1\n");
  put("utt2spk", "u2 anna\n");
  const Listing listing = listed();
  ASSERT_EQ(listing.sources.size(), 3u);
  EXPECT_EQ(listing.sources[0].name, "u2");
  EXPECT_EQ(listing.sources[0].speaker, "anna");
  EXPECT_EQ(listing.sources[0].begin, 0.25);
  EXPECT_EQ(listing.sources[0].end, 2.5);
  EXPECT_EQ(listing.sources[1].name, "u4");
  EXPECT_FALSE(listing.sources[1].end);
  EXPECT_EQ(listing.sources[2].name, "u1");
  EXPECT_THAT(codes(listing), ElementsAre("bad kaldi-segment", "worse kaldi-segment",
                                          "short kaldi-segment", "none recording-missing"));
}

TEST_F(Layouts, ListsAndFolders) {
  put("x/a.wav");
  put("y/a.wav");
  put("y/ann__b.FLAC");
  put("y/notes.txt");
  put("y/.hidden.wav");
  put("list.txt", "\xEF\xBB\xBFx/a.wav|said a|anna\n\ny/ann__b.FLAC\nx/a.wav\n");
  const Listing list = list_corpus(folder_ / "list.txt");
  EXPECT_EQ(list.kind, "list");
  EXPECT_THAT(words(list), ElementsAre("ann__b|ann|", "x_a|anna|said a"));
  EXPECT_THAT(codes(list), ElementsAre((folder_ / "x/a.wav").string() + " name-taken"));
  const Listing folder = listed();
  EXPECT_EQ(folder.kind, "folder");
  EXPECT_THAT(words(folder), ElementsAre("ann__b|ann|", "x_a||", "y_a||"));
  EXPECT_THAT(codes(folder), ElementsAre((folder_ / "y/.hidden.wav").string() + " name-unusable"));
}

// Lists with bytes changed, lost and doubled: a listing or a refusal, never more.
TEST_F(Layouts, DamagedListsDoNoHarm) {
  put("a.wav");
  const std::vector<std::pair<std::string, std::string>> lists = {
      {"metadata.csv", "a|one|two\nb|c|d|e\n"},
      {"wav.scp", "u1 a.wav\nu2 cat a.wav |\n"},
      {"segments", "s1 u1 0.5 1.5\ns2 u1 1e300 -1\n"},
      {"list.txt", "a.wav|text|speaker\n../../x|y\n"}};
  std::mt19937 random(1);
  for (int round = 0; round < 80; ++round) {
    const auto& [name, content] = lists[static_cast<size_t>(round) % lists.size()];
    std::string damaged = content;
    for (int hit = 0; hit < 3; ++hit) {
      const size_t at = random() % damaged.size();
      if (random() % 3 == 0)
        damaged.insert(at, damaged.substr(random() % damaged.size()));
      else if (random() % 2 == 0)
        damaged.erase(at, 1);
      else
        damaged[at] = static_cast<char>(random());
    }
    for (const auto& [other, whole] : lists) put(other, whole);
    put(name, damaged);
    for (const char* kind : {"ljspeech", "kaldi"}) {
      try {
        for (const Source& source : listed(kind).sources)
          EXPECT_EQ(source.name.find('/'), std::string::npos);
      } catch (const Error&) {
      }
    }
    try {
      list_corpus(folder_ / "list.txt");
    } catch (const Error&) {
    }
  }
}

TEST_F(Layouts, WhatIsNotThereIsRefused) {
  EXPECT_EQ(thrown_by([] { list_corpus("/no/such/place"); }).code(), "corpus-missing");
  EXPECT_EQ(thrown_by([&] { listed("ljspeech"); }).code(), "corpus-missing");
  const Error unknown = thrown_by([&] { listed("ljspech"); });
  EXPECT_EQ(unknown.code(), "corpus-kind");
  EXPECT_THAT(unknown.what(), HasSubstr("did you mean 'ljspeech'"));
  EXPECT_EQ(kind_of(folder_.path()), "folder");
  EXPECT_THAT(listed().sources, IsEmpty());
}

}  // namespace
}  // namespace fluvox::corpus
