#include "train/given_mels.h"

#include <gtest/gtest.h>

#include "audio/encoding.h"
#include "mel/mel_file.h"
#include "support/made_speech.h"
#include "support/temp_folder.h"
#include "support/throws.h"
#include "train/batches.h"
#include "train/held_out.h"

namespace fluvox::train {
namespace {

class Given : public testing::Test {
 protected:
  Given() {
    settings_.frames = 8;
    settings_.augment = 1;  // every segment of a clip with its own mel
    for (uint64_t i = 0; i < 4; ++i) {
      Clip clip{text("clip", i), {}, 0};
      for (float x : support::made_speech(22050, 0.9, i))
        clip.samples.push_back(static_cast<int16_t>(audio::round_to_bits(x, 16)));
      (i == 3 ? corpus_.held_out : corpus_.clips).push_back(clip);
    }
    corpus_.weights = {1, 1, 1};
    corpus_.names = {"made"};
  }

  // Frame t of band k is 100 t + k: nothing that audio gives.
  mel::Mel write(const std::string& name, int frames) {
    mel::Mel mel{frames, 80, {}};
    for (int t = 0; t < frames; ++t)
      for (int k = 0; k < 80; ++k) mel.values.push_back(static_cast<float>(100 * t + k));
    mel::write_mel(folder_ / (name + ".npy"), mel, convention_);
    return mel;
  }

  const mel::Convention convention_ = mel::convention("tacotron2");
  const int frames_ = static_cast<int>(0.9 * 22050) / 256;  // 77
  support::TempFolder folder_;
  TrainSettings settings_;
  Corpus corpus_;
};

TEST_F(Given, OneFrameMoreOrLessFitsAndTwoDoNot) {
  write("clip0", frames_ + 1);
  write("clip1", frames_ - 1);
  write("clip2", frames_ + 2);
  write("clip3", frames_ - 2);
  const GivenMels mels = read_given_mels(folder_.path(), convention_, corpus_);
  ASSERT_EQ(corpus_.clips.size(), 2u);
  EXPECT_EQ(corpus_.weights.size(), 2u);
  EXPECT_EQ(corpus_.held_out.size(), 0u);
  EXPECT_EQ(frames_of(corpus_.clips[0], 256, mels.of_clip(0)), frames_);
  EXPECT_EQ(frames_of(corpus_.clips[1], 256, mels.of_clip(1)), frames_ - 1);
  ASSERT_EQ(corpus_.rejected.size(), 2u);
  EXPECT_NE(corpus_.rejected[0].find("clip2.npy"), std::string::npos);
  EXPECT_NE(corpus_.rejected[0].find("expected 77 frames"), std::string::npos);
  EXPECT_NE(corpus_.rejected[0].find("found 79"), std::string::npos);
}

TEST_F(Given, SegmentsHaveTheGivenFramesBesideTheirOwnUnchangedSamples) {
  write("clip1", frames_ - 1);
  const GivenMels mels = read_given_mels(folder_.path(), convention_, corpus_);
  ASSERT_EQ(corpus_.clips.size(), 3u);
  EXPECT_EQ(mels.of_clip(0), nullptr);
  corpus_.weights = {1e-9, 1, 1e-9};
  const net::Margins margins{2, 3, net::Margins::Beyond::nearest_frame};
  const Batches batches(corpus_, settings_, convention_, margins, &mels);
  std::set<int> places;
  for (int64_t step = 0; step < 60; ++step) {
    const auto segment = batches.segment(step, 0);
    const auto at = [&](int row) { return segment.mel[static_cast<size_t>(row * 80)] / 100; };
    const int first = static_cast<int>(at(2));
    places.insert(first);
    for (int row = 0; row < 13; ++row)
      ASSERT_EQ(at(row), std::clamp(first + row - 2, 0, frames_ - 2)) << first;
    for (int i = 0; i < 8 * 256; ++i)
      ASSERT_NEAR(segment.samples[static_cast<size_t>(i)] * 32768,
                  corpus_.clips[1].samples[static_cast<size_t>(first * 256 + i)], 0.51);
  }
  EXPECT_LE(*places.rbegin(), frames_ - 1 - 8);
  EXPECT_GT(places.size(), 20u);
}

TEST_F(Given, AHeldOutClipIsMeasuredWithItsMel) {
  write("clip3", frames_ - 1);
  const GivenMels mels = read_given_mels(folder_.path(), convention_, corpus_);
  const WholeClip whole =
      whole_clip(corpus_.held_out[0], mel::Analyser(convention_), mels.of_held_out(0));
  EXPECT_EQ(whole.mel.sizes(), (std::vector<int64_t>{1, 80, frames_ - 1}));
  EXPECT_EQ(whole.audio.size(1), (frames_ - 1) * 256);
  EXPECT_EQ(whole.mel[0][7][5].item<float>(), 507);
}

TEST_F(Given, AFolderWithoutAnyIsRefused) {
  const auto code = [&](const std::filesystem::path& path) {
    return support::thrown_by([&] { read_given_mels(path, convention_, corpus_); }).code();
  };
  EXPECT_EQ(code(folder_.path()), "mel-dir-empty");
  EXPECT_EQ(code(folder_ / "nowhere"), "mel-dir-missing");
}

}  // namespace
}  // namespace fluvox::train
