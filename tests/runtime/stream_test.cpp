// Streamed audio is the offline audio, bit for bit, whatever the pieces.
#include "runtime/stream.h"

#include <gtest/gtest.h>

#include <random>

#include "core/threads.h"
#include "flow/flow_runtime.h"
#include "kernels/noise.h"
#include "net/weights.h"
#include "support/made_models.h"
#include "support/throws.h"

namespace fluvox::runtime {
namespace {

std::vector<flow::Model> models() { return {support::small_waveglow(), support::small_compact()}; }

mel::Mel mel_of(int frames, unsigned seed = 3) {
  mel::Mel mel{frames, 8, support::random_values(static_cast<size_t>(frames) * 8, 1, seed)};
  for (float& v : mel.values) v -= 3;
  return mel;
}

mel::Mel part(const mel::Mel& mel, int from, int to) {
  return {to - from,
          mel.bands,
          {mel.values.begin() + from * mel.bands, mel.values.begin() + to * mel.bands}};
}

// The whole series at once through the steps' own inverse, without any stream of a step.
std::vector<float> at_once(const flow::Model& model, const mel::Mel& mel, uint64_t seed) {
  net::Weights weights(model.tensors);
  const flow::RuntimeFlow flow(model.spec, weights);
  Threads threads(1);
  flow::Grid grid(mel.frames, mel.bands);
  grid.values = mel.values;
  const int positions = mel.frames * 16 / flow.channels();
  std::vector<float> z;
  for (int c = 0; c < flow.channels(); ++c)
    for (int t = 0; t < positions; ++t)
      z.push_back(
          (c < flow.channels() - model.spec.unseen ? static_cast<float>(model.spec.sigma) : 1) *
          kernels::normal(seed, 0, static_cast<uint32_t>(c), static_cast<uint64_t>(t)));
  return flow.inverse(z, flow.condition(grid, threads), threads);
}

TEST(Stream, EqualsTheWholeBitForBit) {
  std::mt19937 random(7);
  for (const flow::Model& model : models())
    for (int threads : {1, 3}) {
      const Session session(model, {.threads = threads});
      ASSERT_TRUE(session.streams());
      for (int frames : {1, 2, 3, 40, 400}) {
        const mel::Mel mel = mel_of(frames, 30 + static_cast<unsigned>(frames));
        const std::vector<float> whole = at_once(model, mel, 4);
        EXPECT_EQ(session.render(mel, {.seed = 4}), whole) << model.spec.model;
        for (int largest : {1, 2, 7, 60, 400}) {
          Stream stream(session, {.seed = 4});
          std::vector<float> audio, buffer;
          for (int at = 0; at < frames;) {
            const int to = std::min(
                frames, at + 1 + static_cast<int>(random() % static_cast<unsigned>(largest)));
            stream.push(part(mel, at, to));
            at = to;
            if (at == frames) stream.finish();
            do {
              buffer.resize(1 + random() % 37);
              buffer.resize(stream.pull(buffer));
              audio.insert(audio.end(), buffer.begin(), buffer.end());
            } while (!buffer.empty());
          }
          EXPECT_TRUE(stream.ended());
          EXPECT_EQ(audio, whole) << model.spec.model << ", " << frames << " frames in pieces of "
                                  << largest << ", " << threads << " threads";
        }
      }
    }
}

// A model that looks at no frame ahead has rendered them all when it learns that they were all.
TEST(Stream, TheEndMayBeToldLater) {
  for (const flow::Model& model : models()) {
    const Session session(model, {.threads = 1});
    for (int frames : {1, 3, 40}) {
      const mel::Mel mel = mel_of(frames);
      std::vector<float> audio, buffer(1000);
      Stream stream(session, {.seed = 4});
      const auto pull = [&] {
        const size_t n = stream.pull(buffer);
        audio.insert(audio.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(n));
      };
      for (int f = 0; f < frames; ++f) {
        stream.push(part(mel, f, f + 1));
        pull();
        EXPECT_FALSE(stream.ended());
      }
      stream.finish();
      EXPECT_FALSE(stream.ended());
      pull();
      EXPECT_TRUE(stream.ended());
      EXPECT_EQ(audio, session.render(mel, {.seed = 4})) << model.spec.model << ", " << frames;
    }
  }
}

// Pushing frame by frame, sample n can be pulled as soon as the frames are there that lie
// look_ahead() beyond it, and not a frame later.
TEST(Stream, WaitsForItsLookAheadAndNoLonger) {
  for (const flow::Model& model : models()) {
    const Session session(model, {.threads = 1});
    const mel::Mel mel = mel_of(60);
    Stream stream(session);
    std::vector<float> buffer(60 * 16);
    int64_t pulled = 0;
    for (int f = 0; f < mel.frames; ++f) {
      stream.push(part(mel, f, f + 1));
      pulled += static_cast<int64_t>(stream.pull(buffer));
      const int64_t due = std::max<int64_t>(0, 16 * (f + 1) - session.look_ahead());
      EXPECT_GE(pulled, due) << model.spec.model << " after frame " << f;
      EXPECT_LT(pulled, due + 16 + 1) << model.spec.model << " after frame " << f;
    }
  }
}

TEST(Stream, GivenNoiseIsUsed) {
  for (const flow::Model& model : models()) {
    const Session session(model);
    const mel::Mel mel = mel_of(12);
    const auto z = support::random_values(12 * 16, 0.7, 8);
    Stream stream(session, {.z = z});
    stream.push(part(mel, 0, 5));
    std::vector<float> audio(12 * 16);
    const size_t early = stream.pull(audio);
    stream.push(part(mel, 5, 12));
    stream.finish();
    EXPECT_EQ(early + stream.pull(std::span(audio).subspan(early)), audio.size());
    EXPECT_EQ(audio, session.render(mel, {.z = z}));
  }
}

TEST(Stream, CancelDropsWhatWaits) {
  const Session session(support::small_compact());
  Stream stream(session);
  stream.push(mel_of(20));
  std::vector<float> buffer(30);
  EXPECT_EQ(stream.pull(buffer), 30u);
  stream.cancel();
  EXPECT_EQ(stream.pull(buffer), 0u);
  EXPECT_TRUE(stream.ended());
}

TEST(Stream, RefusesWhatItCannotTake) {
  const Session session(support::small_compact());
  Stream stream(session);
  EXPECT_EQ(support::thrown_by([&] { stream.finish(); }).code(), "mel-empty");
  mel::Mel narrow = mel_of(3);
  narrow.bands = 4;
  EXPECT_EQ(support::thrown_by([&] { stream.push(narrow); }).code(), "shape-mismatch");
  mel::Mel broken = mel_of(3);
  broken.values[5] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(support::thrown_by([&] { stream.push(broken); }).code(), "not-finite");
  stream.push(mel_of(3));
  stream.finish();
  EXPECT_EQ(support::thrown_by([&] { stream.push(mel_of(1)); }).code(), "stream-finished");
}

}  // namespace
}  // namespace fluvox::runtime
