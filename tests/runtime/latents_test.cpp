#include "runtime/latents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "audio/encoding.h"
#include "flow/coupling.h"
#include "flow/invertible1x1.h"
#include "flow/safetensors.h"
#include "support/made_models.h"
#include "support/made_speech.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox::runtime {
namespace {

using support::thrown_by;
using testing::HasSubstr;

constexpr size_t kHop = 16;

std::vector<float> pcm(std::vector<float> samples) {
  for (float& x : samples) x = static_cast<float>(audio::round_to_bits(x, 16)) / 32768;
  return samples;
}

std::vector<float> speech(size_t samples, unsigned seed) {
  auto made = pcm(support::made_speech(22050, static_cast<double>(samples + 10) / 22050, seed));
  made.resize(samples);
  return made;
}

class BothModels : public testing::TestWithParam<const char*> {
 protected:
  const flow::Model model_ =
      std::string(GetParam()) == "compact" ? support::small_compact() : support::small_waveglow();
  const Session session_{model_};
};

TEST_P(BothModels, GiveEverySampleBackAtEveryLength) {
  for (const size_t length : {1ul, 15ul, 16ul, 17ul, 160ul, 1234ul}) {
    const auto audio = speech(length, 3);
    const Latents latents = encode(session_, audio);
    EXPECT_EQ(latents.mel.frames, static_cast<int>((length + kHop - 1) / kHop));
    EXPECT_EQ(latents.z.size(), static_cast<size_t>(latents.mel.frames) * kHop);
    EXPECT_EQ(pcm(decode(session_, latents)), audio) << length;
  }
}

TEST_P(BothModels, GiveTheSameThroughAFile) {
  const support::TempFolder folder;
  Latents latents = encode(session_, speech(500, 3));
  latents.model_sha256 = "abc";
  write_latents(folder / "z.safetensors", latents);
  const Latents back = read_latents(folder / "z.safetensors");
  EXPECT_EQ(back.z, latents.z);
  EXPECT_EQ(back.mel.values, latents.mel.values);
  EXPECT_EQ(back.samples, 500u);
  EXPECT_EQ(back.model, latents.model);
  EXPECT_EQ(back.model_sha256, "abc");
  EXPECT_EQ(mel::describe_difference(back.convention, latents.convention), "");
  EXPECT_EQ(decode(session_, back), decode(session_, latents));
  EXPECT_EQ(folder.names(), std::vector<std::string>{"z.safetensors"});
}

INSTANTIATE_TEST_SUITE_P(Models, BothModels, testing::Values("compact", "waveglow"),
                         [](const auto& one) { return std::string(one.param); });

TEST(Latents, TakeTheMelThatIsGiven) {
  const Session session(support::small_waveglow());
  const auto audio = speech(160, 3);
  // 160 is a whole number of hops: `fluvox mel` makes a frame more.
  const mel::Mel mel = session.analyse(audio);
  ASSERT_EQ(mel.frames, 11);
  const Latents latents = encode(session, audio, mel);
  EXPECT_EQ(latents.mel.frames, 10);
  EXPECT_TRUE(std::equal(latents.mel.values.begin(), latents.mel.values.end(), mel.values.begin()));
  EXPECT_EQ(pcm(decode(session, latents)), audio);
  EXPECT_THAT(thrown_by([&] { encode(session, speech(100, 3), mel); }).what(),
              HasSubstr("expected a mel of 7 frames, found 11"));
  EXPECT_THAT(thrown_by([&] { encode(session, {}); }).what(), HasSubstr("found none"));
}

TEST(Latents, BetweenTwoRecordingsAreLinear) {
  const Session session(support::small_compact());
  const Latents a = encode(session, speech(300, 3)), b = encode(session, speech(500, 4));
  EXPECT_EQ(decode(session, between(a, b, 0)), decode(session, a));
  const Latents end = between(a, b, 1), middle = between(a, b, 0.25);
  EXPECT_EQ(end.samples, 300u);
  EXPECT_EQ(middle.mel.frames, a.mel.frames);
  for (const int c : {0, 7, 15}) {
    const auto t = static_cast<size_t>(c % a.positions);
    const float mine = a.z[static_cast<size_t>(c * a.positions) + t],
                other = b.z[static_cast<size_t>(c * b.positions) + t];
    EXPECT_FLOAT_EQ(end.z[static_cast<size_t>(c * a.positions) + t], other);
    EXPECT_FLOAT_EQ(middle.z[static_cast<size_t>(c * a.positions) + t],
                    0.75f * mine + 0.25f * other);
  }
  EXPECT_FLOAT_EQ(middle.mel.values[5], 0.75f * a.mel.values[5] + 0.25f * b.mel.values[5]);
  const Session waveglow(support::small_waveglow());
  const Latents foreign = encode(waveglow, speech(300, 3));
  EXPECT_THAT(thrown_by([&] { between(a, foreign, 0.5); }).what(), HasSubstr("channels 16 and 8"));
}

// A flow that is an affine map of groups of four: the coupling's shift and log-scale are constant.
flow::Model affine_teacher() {
  flow::Model model;
  model.spec.model = "affine";
  model.spec.mel = to_json(support::small_convention());
  model.spec.conditioner = {
      {"kind", "upsample"}, {"bands", 8}, {"kernel", 16}, {"hop", 16}, {"group", 4}};
  support::MadeWeights made(1);
  made.add("conditioner.weight", {8, 8, 16}, 0.1);
  made.add("conditioner.bias", {8}, 0.1);
  const net::Wn wn{
      .inputs = 2, .outputs = 4, .channels = 4, .layers = 1, .kernel = 3, .condition = 32};
  made.set("steps.1.weight", {4, 4},
           {1, 0.2f, 0, 0.5f, -0.3f, 1, 0.1f, 0, 0, 0.4f, 1, -0.2f, 0.1f, 0, 0.3f, -1});
  support::make_wn(wn, made, "steps.2.net.");
  made.set("steps.2.net.end.weight", {4, 4, 1}, std::vector<float>(16, 0));
  made.set("steps.2.net.end.bias", {4}, {0.3f, -0.2f, 0.7f, -0.5f});
  model.spec.steps = {{{"kind", "squeeze"}, {"group", 4}},
                      part_to_json("invertible1x1", flow::Invertible1x1{4}),
                      {{"kind", "coupling"}, {"channels", 4}, {"net", part_to_json("wn", wn)}}};
  model.tensors = made.tensors;
  return model;
}

TEST(Latents, AShiftBetweenMeansOfAnAffineTeacherIsRecovered) {
  const Session session(affine_teacher());
  constexpr float kPattern[] = {0.05f, -0.02f, 0.03f, 0.01f};
  const auto patterned = [&](std::vector<float> audio) {
    for (size_t i = 0; i < audio.size(); ++i) audio[i] += kPattern[i % 4];
    return audio;
  };
  std::vector<double> step(4, 0.0);
  constexpr int kSets = 3;
  for (unsigned i = 0; i < kSets; ++i) {
    const auto audio = speech(320 + 160 * i, i);
    const auto without = time_mean(encode(session, audio));
    const auto with = time_mean(encode(session, patterned(audio)));
    for (size_t c = 0; c < 4; ++c) step[c] += (with[c] - without[c]) / kSets;
  }
  const auto other = speech(800, 9);
  Latents latents = encode(session, other);
  shift(latents, step);
  const auto found = decode(session, latents), expected = patterned(other);
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 1e-6) << i;
}

TEST(Latents, OfAnotherModelAreRefusedByTheirShape) {
  const Session compact(support::small_compact()), waveglow(support::small_waveglow());
  const Latents latents = encode(compact, speech(300, 3));
  const Error error = thrown_by([&] { decode(waveglow, latents); });
  EXPECT_EQ(error.fault(), Fault::input);
  EXPECT_THAT(error.what(), HasSubstr("expected 8, found 16"));
  Latents other = latents;
  other.convention.fmax = 7000;
  EXPECT_THAT(thrown_by([&] { decode(compact, other); }).what(), HasSubstr("fmax"));
}

TEST(Latents, FidelityCountsSamples) {
  const Fidelity same = fidelity(std::vector<float>{0.5f, -1}, std::vector<float>{0.500001f, -1});
  EXPECT_EQ(same.differing, 0u);
  EXPECT_NEAR(same.max_error_in_steps(), 0.000001 * 32768, 0.001);
  const Fidelity other = fidelity(std::vector<float>{0.5f, -1}, std::vector<float>{0.5001f, NAN});
  EXPECT_EQ(other.differing, 2u);
  EXPECT_TRUE(std::isnan(other.max_error));
}

class LatentsFile : public testing::Test {
 protected:
  // A file whose metadata or tensors were changed.
  template <class Change>
  std::string refusal(Change change) {
    const Session session(support::small_waveglow());
    write_latents(path_, encode(session, speech(100, 3)));
    flow::Safetensors file = flow::read_safetensors(path_);
    Json about = Json::parse(file.metadata.at("fluvox_latents"));
    change(about, file.tensors);
    flow::write_safetensors(path_, file.tensors, {{"fluvox_latents", about.dump()}});
    const Error error = thrown_by([&] { read_latents(path_); });
    EXPECT_EQ(error.fault(), Fault::input);
    EXPECT_THAT(error.what(), HasSubstr("z.safetensors"));
    return error.what();
  }

  support::TempFolder folder_;
  const std::filesystem::path path_ = folder_ / "z.safetensors";
};

TEST_F(LatentsFile, RefusesWhatDoesNotFit) {
  EXPECT_THAT(refusal([](Json& about, Tensors&) { about["samples"] = 0; }), HasSubstr("1 to 112"));
  EXPECT_THAT(refusal([](Json& about, Tensors&) { about["samples"] = 113; }),
              HasSubstr("found 113"));
  EXPECT_THAT(refusal([](Json& about, Tensors&) { about["format"] = 2; }), HasSubstr("format"));
  EXPECT_THAT(refusal([](Json& about, Tensors&) { about["sampels"] = 2; }), HasSubstr("sampels"));
  EXPECT_THAT(refusal([](Json& about, Tensors&) { about["mel"]["hop"] = 32; }),
              HasSubstr("does not stand for"));
  EXPECT_THAT(refusal([](Json&, Tensors& tensors) { tensors.erase("mel"); }), HasSubstr("\"mel\""));
  EXPECT_THAT(refusal([](Json&, Tensors& tensors) {
                tensors["z"].shape = {tensors["z"].shape[0] * tensors["z"].shape[1]};
              }),
              HasSubstr("as a matrix"));
  EXPECT_THAT(refusal([](Json&, Tensors& tensors) {
                tensors["z"] = HostTensor::of(std::vector<float>(112, NAN), {8, 14});
              }),
              HasSubstr("NaN"));
  EXPECT_THAT(refusal([](Json&, Tensors& tensors) {
                tensors["z"] = HostTensor::of({}, {0, 14});
              }),
              HasSubstr("as a matrix"));
}

TEST_F(LatentsFile, RefusesAModel) {
  const flow::Model model = support::small_waveglow();
  flow::write_model(path_, model.spec, model.tensors);
  EXPECT_THAT(thrown_by([&] { read_latents(path_); }).what(), HasSubstr("fluvox encode"));
}

}  // namespace
}  // namespace fluvox::runtime
