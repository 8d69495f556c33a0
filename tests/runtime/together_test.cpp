// Utterances of several threads in one batch: each gets its own sound, and its own error.
#include "runtime/together.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <thread>

#include "core/error.h"
#include "support/throws.h"

namespace fluvox::runtime {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;
using Utterance = flow::Sampler::Utterance;

// The sound of an utterance is its one number; -1 fails. The first batch waits for `go`.
class Recording : public flow::Sampler {
 public:
  explicit Recording(std::shared_future<void> go) : go_(std::move(go)) {}
  std::string device() const override { return "a recorder"; }
  std::unique_ptr<flow::SampleStream> stream(flow::Latent) override { return nullptr; }
  std::vector<std::vector<float>> whole(const Utterances& utterances) override {
    EXPECT_EQ(at_work_.exchange(true), false);
    batches.emplace_back();
    for (const Utterance* one : utterances) batches.back().push_back(number_of(*one));
    if (batches.size() == 1) {
      begun = true;
      go_.wait();
    }
    std::vector<std::vector<float>> sounds;
    bool fails = false;
    for (const float number : batches.back()) {
      sounds.push_back({number});
      fails = fails || number < 0;
    }
    at_work_ = false;
    if (fails) throw Error(Fault::device, "cuda-failed", "a fault of the GPU");
    return sounds;
  }
  static float number_of(const Utterance& one) { return one.condition.features.values.at(0); }

  std::vector<std::vector<float>> batches;
  std::atomic<bool> begun = false;

 private:
  std::shared_future<void> go_;
  std::atomic<bool> at_work_ = false;
};

Utterance utterance(float number) {
  Utterance made;
  made.condition.features = flow::Grid(1, 1);
  made.condition.features.values = {number};
  return made;
}

void wait_until(const std::function<bool()>& so) {
  while (!so()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

struct Bench {
  Bench() {
    auto made = std::make_unique<Recording>(go.get_future().share());
    recording = made.get();
    together = std::make_unique<Together>(std::move(made));
  }
  // What becomes of these numbers, in a thread of their own.
  std::future<std::vector<float>> ask(const std::vector<float>& numbers) {
    return std::async(std::launch::async, [this, numbers] {
      std::vector<Utterance> utterances;
      flow::Sampler::Utterances all;
      for (const float number : numbers) utterances.push_back(utterance(number));
      for (const Utterance& one : utterances) all.push_back(&one);
      std::vector<float> sounds;
      for (const std::vector<float>& sound : together->whole(all)) sounds.push_back(sound.at(0));
      return sounds;
    });
  }

  std::promise<void> go;
  Recording* recording;
  std::unique_ptr<Together> together;
};

TEST(Together, WhoComesWhileOneIsAtWorkGoesInTheNextBatch) {
  Bench s;
  auto first = s.ask({1});
  wait_until([&] { return s.recording->begun.load(); });
  auto second = s.ask({2, 3}), third = s.ask({4}), fourth = s.ask({});
  wait_until([&] { return s.together->waiting() == 3; });
  s.go.set_value();
  EXPECT_THAT(first.get(), ElementsAre(1));
  EXPECT_THAT(second.get(), ElementsAre(2, 3));
  EXPECT_THAT(third.get(), ElementsAre(4));
  EXPECT_THAT(fourth.get(), ElementsAre());
  ASSERT_EQ(s.recording->batches.size(), 2u);
  EXPECT_THAT(s.recording->batches[0], ElementsAre(1));
  EXPECT_THAT(s.recording->batches[1], UnorderedElementsAre(2, 3, 4));
  EXPECT_EQ(s.together->device(), "a recorder");
}

TEST(Together, AnErrorIsItsOwnUtterancesAlone) {
  Bench s;
  auto first = s.ask({1});
  wait_until([&] { return s.recording->begun.load(); });
  auto good = s.ask({2}), bad = s.ask({3, -1});
  wait_until([&] { return s.together->waiting() == 2; });
  s.go.set_value();
  EXPECT_THAT(good.get(), ElementsAre(2));
  EXPECT_EQ(support::thrown_by([&] { bad.get(); }).code(), "cuda-failed");
  EXPECT_THAT(first.get(), ElementsAre(1));
  EXPECT_THAT(s.ask({5}).get(), ElementsAre(5));  // nothing is left behind
}

TEST(Together, ManyThreadsEachGetTheirOwn) {
  Bench s;
  s.go.set_value();
  std::vector<std::jthread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const Utterance one = utterance(static_cast<float>(1000 * t + i));
        const auto sounds = s.together->whole({&one});
        right += sounds.size() == 1 && sounds[0][0] == Recording::number_of(one) ? 1 : 0;
      }
    });
  threads.clear();
  EXPECT_EQ(right, 8 * 200);
}

}  // namespace
}  // namespace fluvox::runtime
