// What every registered model must do in the runtime, at a tiny size and with random weights. A new
// model is found here through the registry, without a line of its own. (The LibTorch side of the
// same suite is tests/parity.)
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "core/threads.h"
#include "flow/flow_runtime.h"
#include "models/registry.h"
#include "net/weights.h"
#include "runtime/session.h"
#include "runtime/stream.h"
#include "support/made_weights.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox {
namespace {

constexpr int kHop = 16, kBands = 6;

mel::Convention small_convention() {
  mel::Convention c = mel::convention("tacotron2");
  c.fft = c.window = 64;
  c.hop = kHop;
  c.bands = kBands;
  return c;
}

mel::Mel mel_of(int frames, unsigned seed = 3) {
  mel::Mel mel{frames, kBands,
               support::random_values(static_cast<size_t>(frames) * kBands, 1, seed)};
  for (float& v : mel.values) v -= 3;
  return mel;
}

mel::Mel part(const mel::Mel& mel, int from, int to) {
  return {to - from,
          mel.bands,
          {mel.values.begin() + from * mel.bands, mel.values.begin() + to * mel.bands}};
}

// Against the steps' own inverse on the whole series, in which no stream of a step takes part.
void expect_streamed_is_whole(const flow::Model& model, net::Precision precision) {
  const runtime::Session session(model, {.threads = 2, .precision = precision});
  if (!session.streams()) {
    EXPECT_EQ(support::thrown_by([&] { runtime::Stream stream(session); }).code(),
              "model-cannot-stream");
    return;
  }
  net::Weights weights(model.tensors);
  const flow::RuntimeFlow flow(model.spec, weights, precision);
  Threads one(1);
  std::mt19937 random(7);
  for (int frames : {1, 2, 33, 90, 400}) {
    const mel::Mel mel = mel_of(frames, static_cast<unsigned>(frames));
    const auto z = support::random_values(static_cast<size_t>(frames) * kHop, 0.7, 9);
    flow::Grid grid(frames, kBands);
    grid.values = mel.values;
    const auto whole = flow.inverse(z, flow.condition(grid, one), one);
    for (int largest : {1, 4, 60, 400}) {
      runtime::Stream stream(session, {.z = z});
      std::vector<float> audio, buffer;
      for (int at = 0; at < frames;) {
        const int to =
            std::min(frames, at + 1 + static_cast<int>(random() % static_cast<unsigned>(largest)));
        stream.push(part(mel, at, to));
        if ((at = to) == frames) stream.finish();
        do {
          buffer.resize(1 + random() % 37);
          buffer.resize(stream.pull(buffer));
          audio.insert(audio.end(), buffer.begin(), buffer.end());
        } while (!buffer.empty());
      }
      EXPECT_EQ(audio, whole) << frames << " frames in pieces of up to " << largest;
    }
  }
}

class EveryModel : public testing::TestWithParam<std::string> {
 protected:
  EveryModel() {
    const models::Architecture& a = models::architecture(GetParam());
    model_ = runtime::made_up_model(a.build(a.tiny, small_convention()), 5);
  }

  flow::Model model_;
};

TEST_P(EveryModel, RendersWholeFramesAndTheSameForAnyNumberOfThreads) {
  const runtime::Session session(model_, {.threads = 1});
  const runtime::Session several(model_, {.threads = 3});
  for (int frames : {1, 2, 9, 50, 400}) {
    const mel::Mel mel = mel_of(frames);
    const auto audio = session.render(mel, {.seed = 2});
    EXPECT_EQ(audio.size(), static_cast<size_t>(frames) * kHop);
    for (const float x : audio) ASSERT_TRUE(std::isfinite(x));
    EXPECT_EQ(several.render(mel, {.seed = 2}), audio) << frames << " frames";
  }
}

// The figures of frames are shares of the whole, and each stays at its frame: what lies far behind
// one does not change it.
TEST_P(EveryModel, TheFramesOfAScoreAreItsParts) {
  const runtime::Session session(model_, {.threads = 1});
  const mel::Mel mel = mel_of(120);
  const auto audio = support::random_values(120 * kHop, 0.1, 4);
  runtime::Score whole, front;
  session.encode(audio, mel, &whole);
  session.encode(std::span(audio).first(90 * kHop), part(mel, 0, 90), &front);
  for (const runtime::Score& score : {whole, front}) {
    ASSERT_EQ(score.frames.size(), score.samples / kHop);
    double sum = 0;
    for (const double nats : score.frames) sum += nats;
    EXPECT_NEAR(sum, score.nats, 1e-9 * std::abs(score.nats));
  }
  for (size_t f = 0; f < 10; ++f) EXPECT_EQ(front.frames[f], whole.frames[f]) << f;
}

TEST_P(EveryModel, NothingIsRandomAtSigmaZero) {
  const runtime::Session session(model_, {.threads = 1});
  const mel::Mel mel = mel_of(7);
  EXPECT_EQ(session.render(mel, {.seed = 1, .sigma = 0.0}),
            session.render(mel, {.seed = 2, .sigma = 0.0}));
  EXPECT_NE(session.render(mel, {.seed = 1, .sigma = 1.0}),
            session.render(mel, {.seed = 2, .sigma = 1.0}));
}

TEST_P(EveryModel, TurnsItsOwnSoundBackIntoNoise) {
  const runtime::Session session(model_, {.threads = 1});
  const mel::Mel mel = mel_of(20);
  const auto z = support::random_values(20 * kHop, 0.7, 8);
  const auto audio = session.render(mel, {.z = z});
  EXPECT_LT(support::difference(session.encode(audio, mel), support::doubles(z)), 1e-3);
}

TEST_P(EveryModel, SavedAndLoadedIsTheSame) {
  const support::TempFolder folder;
  flow::write_model(folder / "model.safetensors", model_.spec, model_.tensors);
  const flow::Model loaded = flow::read_model(folder / "model.safetensors");
  EXPECT_EQ(loaded.tensors, model_.tensors);
  EXPECT_EQ(to_json(loaded.spec), to_json(model_.spec));
  const mel::Mel mel = mel_of(6);
  EXPECT_EQ(runtime::Session(loaded).render(mel), runtime::Session(model_).render(mel));
}

TEST_P(EveryModel, StreamedIsTheWholeBitForBit) {
  expect_streamed_is_whole(model_, net::Precision::fp32);
}

TEST_P(EveryModel, StreamedIsTheWholeBitForBitInBf16Too) {
  expect_streamed_is_whole(model_, net::Precision::bf16);
}

TEST_P(EveryModel, Bf16IsTheSameForAnyNumberOfThreadsAndNotFp32) {
  const runtime::Session one(model_, {.threads = 1, .precision = net::Precision::bf16});
  const runtime::Session several(model_, {.threads = 3, .precision = net::Precision::bf16});
  const mel::Mel mel = mel_of(50);
  const auto audio = one.render(mel, {.seed = 2});
  EXPECT_EQ(several.render(mel, {.seed = 2}), audio);
  EXPECT_NE(runtime::Session(model_).render(mel, {.seed = 2}), audio);
}

TEST_P(EveryModel, WaitsForItsLookAheadAndNoLonger) {
  const runtime::Session session(model_, {.threads = 1});
  if (!session.streams()) GTEST_SKIP() << "needs the whole utterance, and says so";
  // The last frames come with finish() alone.
  const int frames = 40 + static_cast<int>(session.look_ahead() / kHop);
  const mel::Mel mel = mel_of(frames);
  runtime::Stream stream(session);
  std::vector<float> buffer(static_cast<size_t>(frames) * kHop);
  int64_t pulled = 0;
  for (int f = 0; f < frames; ++f) {
    stream.push(part(mel, f, f + 1));
    pulled += static_cast<int64_t>(stream.pull(buffer));
    const int64_t due = std::max<int64_t>(0, int64_t{kHop} * (f + 1) - session.look_ahead());
    EXPECT_GE(pulled, due) << "after frame " << f;
    EXPECT_LE(pulled, due + kHop) << "after frame " << f;
  }
}

TEST_P(EveryModel, ItsPresetsBuild) {
  const models::Architecture& a = models::architecture(GetParam());
  for (const models::Preset& preset : a.presets)
    EXPECT_FALSE(a.build({{"preset", preset.name}}, mel::convention("tacotron2")).steps.empty())
        << preset.name;
}

std::vector<std::string> names() {
  std::vector<std::string> list;
  for (const auto& a : models::architectures()) list.push_back(a.name);
  return list;
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryModel, testing::ValuesIn(names()),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace fluvox
