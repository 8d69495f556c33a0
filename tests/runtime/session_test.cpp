#include "runtime/session.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "kernels/noise.h"
#include "support/jacobian.h"
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

TEST(Session, RendersWholeFrames) {
  for (const flow::Model& model : models()) {
    const Session session(model);
    EXPECT_EQ(session.z_channels(), model.spec.model == "compact" ? 16 : 8);
    for (int frames : {1, 2, 3, 40}) {
      EXPECT_EQ(session.render(mel_of(frames)).size(), static_cast<size_t>(16 * frames));
      EXPECT_EQ(session.z_channels() * session.z_positions(frames), 16 * frames);
    }
  }
}

TEST(Session, OneSeedOneSound) {
  for (const flow::Model& model : models()) {
    const mel::Mel mel = mel_of(70);
    const Session session(model, {.threads = 1});
    const auto sound = session.render(mel, {.seed = 5});
    EXPECT_EQ(session.render(mel, {.seed = 5}), sound);
    for (int threads : {2, 3})
      EXPECT_EQ(Session(model, {.threads = threads}).render(mel, {.seed = 5}), sound);
    EXPECT_NE(session.render(mel, {.seed = 6}), sound);
    EXPECT_NE(session.render(mel, {.seed = 5, .item = 1}), sound);
    // sigma 0: nothing is random
    EXPECT_EQ(session.render(mel, {.seed = 5, .sigma = 0.0}),
              session.render(mel, {.seed = 6, .sigma = 0.0}));
    EXPECT_EQ(session.render(mel, {.sigma = model.spec.sigma}), session.render(mel));
  }
}

TEST(Session, NoiseIsAddressedByChannelAndPosition) {
  for (const flow::Model& model : models()) {
    const Session session(model);
    const mel::Mel mel = mel_of(6);
    const int channels = session.z_channels(), positions = session.z_positions(6);
    std::vector<float> z;
    for (int c = 0; c < channels; ++c)
      for (int t = 0; t < positions; ++t)
        z.push_back((c < channels - model.spec.unseen ? 0.5f : 0.625f) *  // .5 of .8
                    kernels::normal(9, 2, static_cast<uint32_t>(c), static_cast<uint64_t>(t)));
    // Given noise is used as it is, whatever sigma.
    EXPECT_EQ(session.render(mel, {.sigma = 3.0, .z = z}),
              session.render(mel, {.seed = 9, .item = 2, .sigma = 0.5}));
  }
}

TEST(Session, EncodingTurnsRenderingBack) {
  for (const flow::Model& model : models()) {
    const Session session(model);
    const mel::Mel mel = mel_of(25);
    const auto z = support::random_values(25 * 16, 0.7, 8);
    const auto sound = session.render(mel, {.z = z});
    EXPECT_LT(support::difference(session.encode(sound, mel), support::doubles(z)), 2e-5)
        << model.spec.model;
  }
}

TEST(Session, ScoreIsTheLogDensity) {
  for (const flow::Model& model : models()) {
    const Session session(model);
    const mel::Mel mel = mel_of(2);
    // Compact divides by what the mel says: a quieter sound, and a step to match.
    const bool compact = model.spec.model == "compact";
    const auto audio = support::random_values(32, compact ? 0.004 : 0.2, 8);
    Score score;
    const auto z = session.encode(audio, mel, &score);
    double expected = support::jacobian_log_det(
        [&](const std::vector<double>& x) {
          return support::doubles(session.encode(std::vector<float>(x.begin(), x.end()), mel));
        },
        support::doubles(audio), compact ? 0x1p-14 : 0x1p-10);
    for (const float v : z) expected -= 0.5 * v * v + 0.5 * std::log(2 * std::numbers::pi);
    EXPECT_NEAR(score.nats, expected, 0.05) << model.spec.model;
    EXPECT_EQ(score.samples, 32u);
    EXPECT_DOUBLE_EQ(score.nats_per_sample(), score.nats / 32);
    EXPECT_DOUBLE_EQ(score.bits_per_sample(), score.nats / 32 / std::log(2));
  }
}

TEST(Session, ScoresWholeFramesWithTheMelOfAll) {
  for (const flow::Model& model : models()) {
    const Session session(model);
    const auto audio = support::random_values(16 * 9 + 11, 0.1, 4);
    mel::Mel mel = session.analyse(audio);
    EXPECT_EQ(mel.frames, 10);
    mel.frames = 9;
    mel.values.resize(9 * 8);
    Score expected;
    session.encode(std::span(audio).first(16 * 9), mel, &expected);
    const Score found = session.score(audio);
    EXPECT_EQ(found.nats, expected.nats);
    EXPECT_EQ(found.samples, 16u * 9);
    EXPECT_EQ(Session(model, {.threads = 3}).score(audio).nats, found.nats);
  }
}

// What is left of a frame's figure without its z: the log-determinants of the steps' rows there.
std::vector<double> log_dets(const Session& session, const std::vector<float>& audio,
                             const mel::Mel& mel) {
  Score score;
  const auto z = session.encode(audio, mel, &score);
  const size_t positions = z.size() / static_cast<size_t>(session.z_channels()),
               each = positions / score.frames.size();
  for (size_t i = 0; i < z.size(); ++i)
    score.frames[i % positions / each] +=
        0.5 * double{z[i]} * z[i] + 0.5 * std::log(2 * std::numbers::pi);
  return score.frames;
}

TEST(Session, AFrameOfAScoreIsWhatHappensThere) {
  for (const flow::Model& model : models()) {
    const Session session(model);
    const mel::Mel mel = mel_of(80);
    auto audio = support::random_values(16 * 80, 0.05, 4);
    const auto before = log_dets(session, audio, mel);
    for (size_t frame : {22, 51}) {
      auto changed = audio;
      for (size_t i = 0; i < 16; ++i) changed[16 * frame + i] *= -1;
      const auto after = log_dets(session, changed, mel);
      double sum = 0, moment = 0;
      for (size_t f = 0; f < 80; ++f) {
        const double change = std::fabs(after[f] - before[f]);
        if (f + 6 < frame || f > frame + 40) {
          EXPECT_LT(change, 1e-9) << f;
        }
        sum += change;
        moment += static_cast<double>(f) * change;
      }
      EXPECT_GT(sum, 1e-3) << model.spec.model;
      // The waveglow sees as far ahead as back; the nets of the compact see later frames alone, up
      // to 36.
      EXPECT_GT(moment / sum, static_cast<double>(frame) - 3) << model.spec.model;
      EXPECT_LT(moment / sum,
                static_cast<double>(frame) + (model.spec.model == "compact" ? 18 : 3));
    }
  }
}

TEST(Session, RefusesShapesByName) {
  const Session session(support::small_compact());
  const auto refused = [](const std::string& code, auto call) {
    const Error error = support::thrown_by(call);
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_EQ(error.fault(), code == "sigma-invalid" ? Fault::usage : Fault::input);
    return std::string(error.what());
  };
  const auto says = [](const std::string& message, std::initializer_list<const char*> words) {
    for (const char* word : words) EXPECT_NE(message.find(word), std::string::npos) << message;
  };
  says(refused("shape-mismatch",
               [&] {
                 session.render({4, 7, std::vector<float>(28)});
               }),
       {"bands", "expected 8", "found 7"});
  says(refused("shape-mismatch",
               [&] {
                 session.render({4, 8, std::vector<float>(31)});
               }),
       {"mel", "expected 32", "found 31"});
  says(refused("shape-mismatch", [&] { session.render(mel_of(4), {.z = std::vector<float>(63)}); }),
       {"z", "16 channels", "4 positions", "expected 64", "found 63"});
  says(refused("shape-mismatch", [&] { session.encode(std::vector<float>(65), mel_of(4)); }),
       {"audio", "4 frames x 16", "expected 64", "found 65"});
  refused("mel-empty", [&] { session.render({0, 8, {}}); });
  refused("mel-empty", [&] { session.encode({}, {0, 8, {}}); });
  says(refused("audio-too-short", [&] { session.score(std::vector<float>(15)); }),
       {"16", "found 15"});
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              infinity = std::numeric_limits<float>::infinity();
  mel::Mel bad = mel_of(4);
  bad.values[10] = nan;
  says(refused("not-finite", [&] { session.render(bad); }), {"mel", "index 10"});
  std::vector<float> z(64);
  z[3] = infinity;
  says(refused("not-finite", [&] { session.render(mel_of(4), {.z = z}); }), {"z", "index 3"});
  says(refused("not-finite", [&] { session.encode(z, mel_of(4)); }), {"audio", "index 3"});
  for (double sigma : {-1.0, double{nan}, double{infinity}})
    refused("sigma-invalid", [&] { session.render(mel_of(4), {.sigma = sigma}); });
}

TEST(Session, RefusesAModelUnlikeItsConvention) {
  flow::Model hop = support::small_waveglow();
  hop.spec.mel["hop"] = 32;
  EXPECT_EQ(support::thrown_by([&] { Session session(hop); }).code(), "shape-mismatch");
  flow::Model bands = support::small_waveglow();
  bands.spec.mel["bands"] = 9;
  EXPECT_EQ(support::thrown_by([&] { Session session(bands); }).code(), "shape-mismatch");
  flow::Model unknown = support::small_waveglow();
  unknown.spec.mel["hopp"] = 16;
  EXPECT_EQ(support::thrown_by([&] { Session session(unknown); }).code(), "config-invalid");
  flow::Model more = support::small_waveglow();
  more.tensors["steps.99.weight"] = HostTensor::of({1}, {1});
  EXPECT_NE(std::string(support::thrown_by([&] { Session session(more); }).what())
                .find("steps.99.weight"),
            std::string::npos);
}

}  // namespace
}  // namespace fluvox::runtime
