// The C interface gives what the session gives, and answers every mistake with a status.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "api/fluvox/fluvox.h"
#include "cuda/gpus.h"
#include "flow/model_file.h"
#include "models/registry.h"
#include "runtime/session.h"
#include "support/corrupt.h"
#include "support/made_models.h"
#include "support/temp_folder.h"

namespace fluvox {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr size_t kBands = 8, kHop = 16;

std::vector<float> mel_of(size_t frames, unsigned seed = 3) {
  std::vector<float> mel = support::random_values(frames * kBands, 1, seed);
  for (float& v : mel) v -= 3;
  return mel;
}

mel::Mel as_mel(const std::vector<float>& values) {
  return {static_cast<int>(values.size() / kBands), static_cast<int>(kBands), values};
}

class Api : public testing::Test {
 protected:
  Api() {
    const flow::Model made = support::small_compact();
    flow::write_model(path_, made.spec, made.tensors);
    EXPECT_EQ(fluvox_load(path_.c_str(), &one_thread_, &model_, &error_), FLUVOX_OK)
        << error_.message;
  }
  ~Api() override { fluvox_free(model_); }

  // Expects the last call to have failed so.
  void expect_error(fluvox_status status, fluvox_status wanted, const std::string& code) const {
    EXPECT_EQ(status, wanted);
    EXPECT_EQ(error_.status, status);
    EXPECT_EQ(error_.code, code);
    EXPECT_GT(std::strlen(error_.message), 10u);
  }

  fluvox_stream* opened(const fluvox_render_options* options = nullptr) {
    fluvox_stream* stream = nullptr;
    EXPECT_EQ(fluvox_stream_open(model_, options, &stream, &error_), FLUVOX_OK) << error_.message;
    return stream;
  }

  support::TempFolder folder_;
  const std::string path_ = folder_ / "voice.safetensors";
  const fluvox_load_options one_thread_{1, FLUVOX_FP32};
  fluvox_error error_{};
  fluvox_model* model_ = nullptr;
};

TEST_F(Api, FactsAreTheSessions) {
  const runtime::Session session(flow::read_model(path_));
  fluvox_facts facts;
  ASSERT_EQ(fluvox_facts_of(model_, &facts, &error_), FLUVOX_OK);
  EXPECT_EQ(facts.sample_rate, 22050);
  EXPECT_EQ(facts.hop, 16);
  EXPECT_EQ(facts.bands, 8);
  EXPECT_EQ(facts.z_channels, session.z_channels());
  EXPECT_EQ(facts.streams, 1);
  EXPECT_EQ(facts.look_ahead, session.look_ahead());
  EXPECT_EQ(facts.sigma, 0.8);
  EXPECT_EQ(facts.work, session.multiply_adds());
  EXPECT_STREQ(fluvox_name(model_), "compact");
  EXPECT_EQ(nlohmann::json::parse(fluvox_convention(model_))["hop"], 16);
  EXPECT_THAT(fluvox_version(), testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

TEST_F(Api, RendersTheSessionsBitsAtEverySetting) {
  const runtime::Session session(flow::read_model(path_), {.threads = 2});
  const std::vector<float> mel = mel_of(40);
  std::vector<float> audio(40 * kHop + 1, 9.0f);
  const auto rendered = [&](const fluvox_render_options* options) {
    EXPECT_EQ(fluvox_render(model_, mel.data(), 40, options, audio.data(), audio.size(), &error_),
              FLUVOX_OK)
        << error_.message;
    EXPECT_EQ(audio.back(), 9.0f);  // nothing beyond the samples
    return std::vector<float>(audio.begin(), audio.end() - 1);
  };
  EXPECT_EQ(rendered(nullptr), session.render(as_mel(mel)));
  fluvox_render_options options = FLUVOX_RENDER_OPTIONS;
  EXPECT_EQ(rendered(&options), session.render(as_mel(mel)));
  options = {7, fluvox_item_of("speech"), 0.3};
  runtime::RenderOptions same;
  same.seed = 7;
  same.item = runtime::item_of("speech");
  same.sigma = 0.3;
  EXPECT_EQ(rendered(&options), session.render(as_mel(mel), same));
}

TEST_F(Api, AnItemIsTheBeginningOfTheNamesHash) {
  EXPECT_EQ(fluvox_item_of("abc"), 0xba7816bf8f01cfeaULL);  // FIPS 180-4's own example
  EXPECT_EQ(fluvox_item_of(nullptr), 0u);
}

TEST_F(Api, StreamedEqualsWholeForAnyPieces) {
  std::mt19937 random(11);
  const std::vector<float> mel = mel_of(60);
  std::vector<float> whole(60 * kHop);
  fluvox_render_options options = FLUVOX_RENDER_OPTIONS;
  options.seed = 4;
  ASSERT_EQ(fluvox_render(model_, mel.data(), 60, &options, whole.data(), whole.size(), nullptr),
            FLUVOX_OK);
  for (size_t largest : {1, 7, 60}) {
    fluvox_stream* const stream = opened(&options);
    std::vector<float> audio, buffer(37);
    for (size_t at = 0; at < 60;) {
      EXPECT_EQ(fluvox_stream_ended(stream), 0);
      const size_t count = std::min(60 - at, 1 + random() % largest);
      ASSERT_EQ(fluvox_stream_push(stream, mel.data() + at * kBands, count, &error_), FLUVOX_OK);
      at += count;
      if (at == 60) {
        ASSERT_EQ(fluvox_stream_finish(stream, &error_), FLUVOX_OK);
      }
      size_t samples = 0;
      do {
        ASSERT_EQ(fluvox_stream_pull(stream, buffer.data(), buffer.size(), &samples, &error_),
                  FLUVOX_OK);
        audio.insert(audio.end(), buffer.begin(),
                     buffer.begin() + static_cast<std::ptrdiff_t>(samples));
      } while (samples > 0);
    }
    EXPECT_EQ(fluvox_stream_ended(stream), 1);
    EXPECT_EQ(audio, whole);
    fluvox_stream_close(stream);
  }
}

TEST_F(Api, AModelInMemoryIsTheSameModel) {
  std::string bytes = support::slurp(path_);
  fluvox_model* other = nullptr;
  ASSERT_EQ(fluvox_load_memory(bytes.data(), bytes.size(), nullptr, &other, &error_), FLUVOX_OK)
      << error_.message;
  const std::vector<float> mel = mel_of(5);
  std::vector<float> a(5 * kHop), b(5 * kHop);
  bytes.assign(bytes.size(), '\0');  // it was copied
  fluvox_render(model_, mel.data(), 5, nullptr, a.data(), a.size(), nullptr);
  fluvox_render(other, mel.data(), 5, nullptr, b.data(), b.size(), nullptr);
  EXPECT_EQ(a, b);
  fluvox_free(other);
}

TEST_F(Api, ADamagedModelInMemoryIsRefused) {
  const std::string good = support::slurp(path_);
  const auto refused = [&](const std::string& bytes) {
    fluvox_model* other = reinterpret_cast<fluvox_model*>(&error_);
    const fluvox_status status =
        fluvox_load_memory(bytes.data(), bytes.size(), &one_thread_, &other, &error_);
    EXPECT_EQ(status, FLUVOX_INPUT) << error_.message;
    EXPECT_EQ(other, nullptr);
    EXPECT_THAT(error_.message, StartsWith("the model in memory"));
  };
  std::mt19937 random(5);
  for (int i = 0; i < 40; ++i) {
    std::string bytes = good;
    bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
    refused(bytes);
    refused(good.substr(0, random() % good.size()));
  }
}

TEST_F(Api, AnalysesScoresAndEncodes) {
  const runtime::Session session(flow::read_model(path_));
  std::vector<float> audio = support::random_values(20 * kHop, 0.1, 2);
  const mel::Mel expected = session.analyse(audio);
  ASSERT_EQ(fluvox_frames_of(model_, audio.size()), static_cast<size_t>(expected.frames));
  std::vector<float> mel(expected.values.size());
  ASSERT_EQ(fluvox_analyse(model_, audio.data(), audio.size(), mel.data(), mel.size(), &error_),
            FLUVOX_OK)
      << error_.message;
  EXPECT_EQ(mel, expected.values);

  fluvox_score score;
  ASSERT_EQ(fluvox_score_of(model_, audio.data(), audio.size(), &score, &error_), FLUVOX_OK);
  const runtime::Score same = session.score(audio);
  EXPECT_EQ(score.nats, same.nats);
  EXPECT_EQ(score.samples, same.samples);

  std::vector<float> z(audio.size()), back(audio.size());
  ASSERT_EQ(fluvox_encode(model_, audio.data(), mel.data(), 20, z.data(), z.size(), &error_),
            FLUVOX_OK)
      << error_.message;
  mel.resize(20 * kBands);
  EXPECT_EQ(z, session.encode(audio, as_mel(mel)));
  ASSERT_EQ(fluvox_decode(model_, z.data(), mel.data(), 20, back.data(), back.size(), &error_),
            FLUVOX_OK);
  for (size_t i = 0; i < audio.size(); ++i) ASSERT_NEAR(back[i], audio[i], 1e-4);
}

TEST_F(Api, NullPointersAreErrorsEverywhere) {
  const float one = 0;
  float many[1000] = {};
  size_t count = 0;
  fluvox_facts facts;
  fluvox_score score;
  fluvox_model* model = nullptr;
  fluvox_stream* stream = nullptr;
  fluvox_error* const e = &error_;
  const auto null = [&](fluvox_status status) {
    expect_error(status, FLUVOX_USAGE, "null-pointer");
    error_ = {};
  };
  null(fluvox_load(nullptr, nullptr, &model, e));
  null(fluvox_load(path_.c_str(), nullptr, nullptr, e));
  null(fluvox_load_memory(nullptr, 5, nullptr, &model, e));
  null(fluvox_load_memory(&one, 4, nullptr, nullptr, e));
  null(fluvox_load_on("cpu", nullptr, nullptr, &model, e));
  null(fluvox_load_memory_on("cpu", nullptr, 5, nullptr, &model, e));
  null(fluvox_facts_of(nullptr, &facts, e));
  null(fluvox_facts_of(model_, nullptr, e));
  null(fluvox_render(nullptr, many, 1, nullptr, many, 1000, e));
  null(fluvox_render(model_, nullptr, 1, nullptr, many, 1000, e));
  null(fluvox_render(model_, many, 1, nullptr, nullptr, 1000, e));
  null(fluvox_stream_open(nullptr, nullptr, &stream, e));
  null(fluvox_stream_open(model_, nullptr, nullptr, e));
  null(fluvox_stream_push(nullptr, many, 1, e));
  null(fluvox_stream_finish(nullptr, e));
  null(fluvox_stream_pull(nullptr, many, 1, &count, e));
  stream = opened();
  null(fluvox_stream_push(stream, nullptr, 1, e));
  null(fluvox_stream_pull(stream, nullptr, 1, &count, e));
  null(fluvox_stream_pull(stream, many, 1, nullptr, e));
  null(fluvox_analyse(nullptr, many, 100, many, 1000, e));
  null(fluvox_analyse(model_, nullptr, 100, many, 1000, e));
  null(fluvox_analyse(model_, many, 100, nullptr, 1000, e));
  null(fluvox_score_of(nullptr, many, 100, &score, e));
  null(fluvox_score_of(model_, nullptr, 100, &score, e));
  null(fluvox_score_of(model_, many, 100, nullptr, e));
  null(fluvox_encode(nullptr, many, many, 1, many, 1000, e));
  null(fluvox_encode(model_, nullptr, many, 1, many, 1000, e));
  null(fluvox_encode(model_, many, nullptr, 1, many, 1000, e));
  null(fluvox_encode(model_, many, many, 1, nullptr, 1000, e));
  null(fluvox_decode(nullptr, many, many, 1, many, 1000, e));
  null(fluvox_decode(model_, nullptr, many, 1, many, 1000, e));
  null(fluvox_decode(model_, many, nullptr, 1, many, 1000, e));
  null(fluvox_decode(model_, many, many, 1, nullptr, 1000, e));
  EXPECT_EQ(fluvox_name(nullptr), nullptr);
  EXPECT_EQ(fluvox_convention(nullptr), nullptr);
  EXPECT_EQ(fluvox_frames_of(nullptr, 100), 0u);
  EXPECT_EQ(fluvox_stream_ended(nullptr), 1);
  fluvox_stream_cancel(nullptr);
  fluvox_stream_close(nullptr);
  fluvox_free(nullptr);
  fluvox_stream_close(stream);
  // And an error that nobody asks about is none of ours.
  EXPECT_EQ(fluvox_render(model_, nullptr, 1, nullptr, nullptr, 0, nullptr), FLUVOX_USAGE);
}

TEST_F(Api, SizesThatDoNotFitAreErrors) {
  std::vector<float> mel = mel_of(3), audio(3 * kHop);
  expect_error(
      fluvox_render(model_, mel.data(), 3, nullptr, audio.data(), audio.size() - 1, &error_),
      FLUVOX_USAGE, "buffer-too-small");
  EXPECT_THAT(error_.message, HasSubstr("48 values"));
  EXPECT_THAT(error_.message, HasSubstr("47"));
  expect_error(fluvox_render(model_, mel.data(), 0, nullptr, audio.data(), audio.size(), &error_),
               FLUVOX_INPUT, "mel-empty");
  // Sizes whose products wrap around are not taken for small ones.
  for (const size_t frames : {std::numeric_limits<size_t>::max(), size_t{1} << 60, size_t{1} << 31})
    expect_error(
        fluvox_render(model_, mel.data(), frames, nullptr, audio.data(), audio.size(), &error_),
        FLUVOX_INPUT, "mel-too-long");
  fluvox_score score;
  expect_error(fluvox_score_of(model_, audio.data(), kHop - 1, &score, &error_), FLUVOX_INPUT,
               "audio-too-short");
  expect_error(
      fluvox_score_of(model_, audio.data(), std::numeric_limits<size_t>::max(), &score, &error_),
      FLUVOX_INPUT, "mel-too-long");
  expect_error(fluvox_analyse(model_, audio.data(), audio.size(), mel.data(), 1, &error_),
               FLUVOX_USAGE, "buffer-too-small");
  expect_error(fluvox_encode(model_, audio.data(), mel.data(), 3, audio.data(), 1, &error_),
               FLUVOX_USAGE, "buffer-too-small");
  expect_error(fluvox_decode(model_, audio.data(), mel.data(), 3, audio.data(), 1, &error_),
               FLUVOX_USAGE, "buffer-too-small");
}

TEST_F(Api, SettingsThatMakeNoSenseAreErrors) {
  fluvox_model* other = nullptr;
  for (const int threads : {-1, 100000}) {
    const fluvox_load_options options{threads, FLUVOX_FP32};
    expect_error(fluvox_load(path_.c_str(), &options, &other, &error_), FLUVOX_USAGE,
                 "threads-invalid");
  }
  const fluvox_load_options options{1, static_cast<fluvox_precision>(17)};
  expect_error(fluvox_load(path_.c_str(), &options, &other, &error_), FLUVOX_USAGE,
               "precision-invalid");
  expect_error(fluvox_load("/nowhere/voice.safetensors", nullptr, &other, &error_), FLUVOX_INPUT,
               "file-missing");
  EXPECT_EQ(other, nullptr);

  std::vector<float> mel = mel_of(3), audio(3 * kHop);
  const fluvox_render_options hot{0, 0, std::nan("")};
  expect_error(fluvox_render(model_, mel.data(), 3, &hot, audio.data(), audio.size(), &error_),
               FLUVOX_USAGE, "sigma-invalid");
  mel[5] = std::numeric_limits<float>::infinity();
  expect_error(fluvox_render(model_, mel.data(), 3, nullptr, audio.data(), audio.size(), &error_),
               FLUVOX_INPUT, "not-finite");
}

TEST_F(Api, CallsOutOfTurnAreErrors) {
  const std::vector<float> mel = mel_of(3);
  std::vector<float> audio(100);
  size_t samples = 7;
  fluvox_stream* stream = opened();
  expect_error(fluvox_stream_finish(stream, &error_), FLUVOX_INPUT, "mel-empty");
  EXPECT_EQ(fluvox_stream_push(stream, nullptr, 0, &error_), FLUVOX_OK);  // no frames are no harm
  EXPECT_EQ(fluvox_stream_push(stream, mel.data(), 3, &error_), FLUVOX_OK);
  EXPECT_EQ(fluvox_stream_finish(stream, &error_), FLUVOX_OK);
  EXPECT_EQ(fluvox_stream_finish(stream, &error_), FLUVOX_OK);
  expect_error(fluvox_stream_push(stream, mel.data(), 3, &error_), FLUVOX_USAGE, "stream-finished");
  EXPECT_EQ(fluvox_stream_pull(stream, audio.data(), audio.size(), &samples, &error_), FLUVOX_OK);
  EXPECT_EQ(samples, 3 * kHop);
  EXPECT_EQ(fluvox_stream_ended(stream), 1);
  EXPECT_EQ(fluvox_stream_pull(stream, audio.data(), audio.size(), &samples, &error_), FLUVOX_OK);
  EXPECT_EQ(samples, 0u);
  fluvox_stream_close(stream);

  stream = opened();
  EXPECT_EQ(fluvox_stream_push(stream, mel.data(), 3, &error_), FLUVOX_OK);
  fluvox_stream_cancel(stream);
  EXPECT_EQ(fluvox_stream_ended(stream), 1);
  EXPECT_EQ(fluvox_stream_pull(stream, audio.data(), audio.size(), &samples, &error_), FLUVOX_OK);
  EXPECT_EQ(samples, 0u);
  expect_error(fluvox_stream_push(stream, mel.data(), 3, &error_), FLUVOX_USAGE,
               "stream-cancelled");
  expect_error(fluvox_stream_finish(stream, &error_), FLUVOX_USAGE, "stream-cancelled");
  fluvox_stream_close(stream);
}

// A pull of an hour is at work when the cancel comes.
TEST_F(Api, ACancelFromAnotherThreadStopsAPull) {
  constexpr size_t kFrames = 200'000;
  const std::vector<float> mel(kFrames * kBands, -3.0f);
  std::vector<float> audio(kFrames * kHop);
  fluvox_stream* const stream = opened();
  ASSERT_EQ(fluvox_stream_push(stream, mel.data(), kFrames, &error_), FLUVOX_OK);
  std::jthread person([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    fluvox_stream_cancel(stream);
  });
  size_t samples = 0;
  EXPECT_EQ(fluvox_stream_pull(stream, audio.data(), audio.size(), &samples, &error_), FLUVOX_OK);
  person.join();
  EXPECT_LT(samples, audio.size() / 2);
  fluvox_stream_close(stream);
}

TEST_F(Api, ManyThreadsMayUseOneModel) {
  const fluvox_load_options two{2, FLUVOX_FP32};
  fluvox_model* shared = nullptr;
  ASSERT_EQ(fluvox_load(path_.c_str(), &two, &shared, &error_), FLUVOX_OK);
  const std::vector<float> mel = mel_of(50);
  std::vector<float> alone(50 * kHop);
  fluvox_render(model_, mel.data(), 50, nullptr, alone.data(), alone.size(), nullptr);
  std::vector<std::jthread> threads;
  std::array<int, 4> equal{};
  for (int& count : equal)
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) {
        std::vector<float> audio(alone.size());
        fluvox_error error;
        fluvox_render(shared, mel.data(), 50, nullptr, audio.data(), audio.size(), &error);
        count += audio == alone ? 1 : 0;
        // Each has its own errors.
        fluvox_render(shared, mel.data(), 50, nullptr, audio.data(), 1, &error);
        count += std::string(error.code) == "buffer-too-small" ? 1 : 0;
      }
    });
  threads.clear();
  EXPECT_THAT(equal, testing::Each(10));
  fluvox_free(shared);
}

// That a GPU's sound is the CPU's is for tests/emulation/cuda_sampler_test to show.
TEST_F(Api, TheProcessorIsTheCallersChoice) {
  EXPECT_STREQ(fluvox_device_of(model_), "cpu");
  EXPECT_EQ(fluvox_device_of(nullptr), nullptr);
  const std::string bytes = support::slurp(path_);
  fluvox_model* other = nullptr;
  for (const char* device : {static_cast<const char*>(nullptr), "cpu"}) {
    ASSERT_EQ(fluvox_load_on(device, path_.c_str(), &one_thread_, &other, &error_), FLUVOX_OK);
    EXPECT_STREQ(fluvox_device_of(other), "cpu");
    fluvox_free(other);
  }
  for (const char* device : {"gpu", "cuda:", "cuda:-1", ""})
    expect_error(fluvox_load_on(device, path_.c_str(), nullptr, &other, &error_), FLUVOX_USAGE,
                 "usage");
  const fluvox_load_options half{1, FLUVOX_FP16};
  expect_error(fluvox_load_on("cpu", path_.c_str(), &half, &other, &error_), FLUVOX_USAGE, "usage");
  expect_error(fluvox_load(path_.c_str(), &half, &other, &error_), FLUVOX_USAGE, "usage");
  EXPECT_EQ(other, nullptr);

  if (!cuda::find_gpus().names.empty()) GTEST_SKIP() << "there is a GPU";
  expect_error(fluvox_load_on("cuda", path_.c_str(), nullptr, &other, &error_), FLUVOX_DEVICE,
               "gpu-missing");
  expect_error(
      fluvox_load_memory_on("cuda:2", bytes.data(), bytes.size(), nullptr, &other, &error_),
      FLUVOX_DEVICE, "gpu-missing");
  EXPECT_EQ(other, nullptr);
  const std::vector<float> mel = mel_of(30);
  std::vector<float> expected(30 * kHop), found(30 * kHop);
  fluvox_render(model_, mel.data(), 30, nullptr, expected.data(), expected.size(), nullptr);
  ASSERT_EQ(
      fluvox_load_memory_on("auto", bytes.data(), bytes.size(), &one_thread_, &other, &error_),
      FLUVOX_OK)
      << error_.message;
  EXPECT_STREQ(fluvox_device_of(other), "cpu");
  fluvox_render(other, mel.data(), 30, nullptr, found.data(), found.size(), nullptr);
  EXPECT_EQ(found, expected);
  fluvox_free(other);
}

TEST_F(Api, AModelThatNeedsTheWholeSaysSo) {
  const models::Architecture& waveflow = models::architecture("waveflow");
  const flow::Model made =
      runtime::made_up_model(waveflow.build(waveflow.tiny, support::small_convention()));
  flow::write_model(path_, made.spec, made.tensors);
  fluvox_model* other = nullptr;
  ASSERT_EQ(fluvox_load(path_.c_str(), &one_thread_, &other, &error_), FLUVOX_OK) << error_.message;
  fluvox_facts facts;
  fluvox_facts_of(other, &facts, nullptr);
  EXPECT_EQ(facts.streams, 0);
  fluvox_stream* stream = nullptr;
  expect_error(fluvox_stream_open(other, nullptr, &stream, &error_), FLUVOX_INPUT,
               "model-cannot-stream");
  EXPECT_EQ(stream, nullptr);
  fluvox_free(other);
}

// A message longer than its place ends with a whole character.
TEST_F(Api, ALongMessageIsCutBetweenCharacters) {
  fluvox_model* other = nullptr;
  for (int padding = 0; padding < 3; ++padding) {
    std::string path = "/" + std::string(static_cast<size_t>(padding), 'x');
    for (int i = 0; i < 600; ++i) path += "\xc3\xa4";
    fluvox_load(path.c_str(), nullptr, &other, &error_);
    const std::string message = error_.message;
    EXPECT_GE(message.size(), 1021u);
    EXPECT_NO_THROW(static_cast<void>(nlohmann::json(message).dump()));  // refuses broken UTF-8
  }
}

}  // namespace
}  // namespace fluvox
