// The condition in training equals the condition in synthesis, exactly, at every edge.
#include "train/batches.h"

#include <gtest/gtest.h>

#include "audio/encoding.h"
#include "net/net_runtime.h"
#include "support/made_speech.h"

namespace fluvox::train {
namespace {

using net::Margins;

std::vector<int16_t> made_clip(double seconds, uint64_t seed) {
  std::vector<int16_t> clip;
  for (float x : support::made_speech(22050, seconds, seed))
    clip.push_back(static_cast<int16_t>(audio::round_to_bits(x, 16)));
  return clip;
}

struct Case {
  Corpus corpus;
  TrainSettings settings;
  mel::Convention convention = mel::convention("tacotron2");
};

Case made_case(double augment) {
  Case c;
  c.settings.augment = augment;
  c.settings.frames = 8;
  for (uint64_t seed : {1, 2, 3}) {
    c.corpus.clips.push_back({"clip", made_clip(1.3, seed), 0});
    c.corpus.weights.push_back(1);
  }
  c.corpus.names = {"made"};
  return c;
}

class Edges : public testing::TestWithParam<Margins::Beyond> {};

TEST_P(Edges, MelOfACropIsThatOfTheWholeClip) {
  const Case c = made_case(0);
  const Margins margins{3, 2, GetParam()};
  const Batches batches(c.corpus, c.settings, c.convention, margins);
  const auto& clip = c.corpus.clips[0].samples;
  std::vector<float> samples;
  for (int16_t x : clip) samples.push_back(static_cast<float>(x) / 32768.0f);
  const mel::Mel whole = mel::analyse(samples, c.convention);
  const int frames = static_cast<int>(clip.size()) / 256;
  net::Grid grid(frames, 80);
  grid.values.assign(whole.values.begin(), whole.values.begin() + int64_t{frames} * 80);
  const net::Grid padded = net::with_margins(grid, margins);  // what synthesis does

  for (int first : {0, 1, 2, 5, 40, frames - 11, frames - 9, frames - 8}) {
    const auto segment = batches.crop(clip, first, nullptr);
    ASSERT_EQ(segment.mel.size(), size_t{13 * 80});
    for (int t = 0; t < 13; ++t)
      for (int band = 0; band < 80; ++band)
        ASSERT_EQ(segment.mel[static_cast<size_t>(t * 80 + band)], padded.row(first + t)[band])
            << "crop at " << first << ", row " << t << ", band " << band;
    for (size_t i = 0; i < segment.samples.size(); ++i)
      ASSERT_EQ(segment.samples[i], samples[static_cast<size_t>(first) * 256 + i]);
  }
}

INSTANTIATE_TEST_SUITE_P(Both, Edges,
                         testing::Values(Margins::Beyond::zeros, Margins::Beyond::nearest_frame),
                         [](const auto& one) {
                           return one.param == Margins::Beyond::zeros ? "zeros" : "nearest_frame";
                         });

TEST(Batches, AreKeyedByStepAndSlot) {
  const Case c = made_case(0.5);
  const Batches batches(c.corpus, c.settings, c.convention, {1, 2, Margins::Beyond::nearest_frame});
  const Batch a = batches.at(7, 0, 4), again = batches.at(7, 0, 4), other = batches.at(8, 0, 4);
  EXPECT_TRUE(torch::equal(a.audio, again.audio));
  EXPECT_TRUE(torch::equal(a.mel, again.mel));
  EXPECT_FALSE(torch::equal(a.audio, other.audio));
  EXPECT_FALSE(torch::equal(a.audio[0], a.audio[1]));
  EXPECT_EQ(a.mel.sizes(), (std::vector<int64_t>{4, 80, 8 + 3}));
  // A part of a step's slots is that part, whoever works on it.
  const Batch part = batches.at(7, 2, 2);
  EXPECT_TRUE(torch::equal(part.audio, a.audio.narrow(0, 2, 2)));
  EXPECT_TRUE(torch::equal(part.mel, a.mel.narrow(0, 2, 2)));
}

TEST(Batches, SixteenBitStepsAreSpread) {
  const Case c = made_case(0);
  const Batches batches(c.corpus, c.settings, c.convention, {});
  double sum = 0, square = 0;
  int64_t count = 0;
  for (int step = 0; step < 20; ++step) {
    const torch::Tensor audio = batches.at(step, 0, 4).audio.to(torch::kFloat64) * 32768;
    const torch::Tensor rest = audio - audio.round();  // uniform in -1/2 .. 1/2
    sum += rest.sum().item<double>();
    square += rest.square().sum().item<double>();
    count += rest.numel();
  }
  EXPECT_NEAR(sum / static_cast<double>(count), 0, 0.005);
  EXPECT_NEAR(square / static_cast<double>(count), 1.0 / 12, 0.002);
}

TEST(Batches, ASilentCropIsDrawnAgain) {
  Case c = made_case(0);
  auto& clip = c.corpus.clips;
  clip.resize(1);
  c.corpus.weights.resize(1);
  // 5 s of silence, then half a second of speech at its end.
  std::vector<int16_t> quiet(5 * 22050, 0);
  const auto speech = made_clip(0.5, 4);
  quiet.insert(quiet.end(), speech.begin(), speech.end());
  clip[0].samples = quiet;
  const Batches batches(c.corpus, c.settings, c.convention, {});
  int silent = 0;
  for (int step = 0; step < 10; ++step)
    for (int slot = 0; slot < 4; ++slot) {
      double power = 0;
      for (float x : batches.segment(step, slot).samples) power += static_cast<double>(x) * x;
      silent += power / 2048 < 1e-9;
    }
  EXPECT_LT(silent, 15);  // drawn once, about 33 of 40 would be
}

}  // namespace
}  // namespace fluvox::train
