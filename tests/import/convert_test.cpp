// Every form of a checkpoint, made here, against a plain implementation in double of the code that
// it comes from: samples, z and log-likelihood. The runtime computes in float.
#include "import/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "import/made_checkpoint.h"
#include "runtime/session.h"
#include "support/made_models.h"

namespace fluvox::imports {
namespace {

using namespace made;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int kFrames = 7;

Converted converted(const std::string& bytes, ConvertOptions options = {}) {
  options.convention = support::small_convention();
  Checkpoint checkpoint(TorchFile(bytes, "made.pt"));
  return convert(checkpoint, options);
}

mel::Mel made_mel(const support::PlainVocoder& plain, unsigned seed) {
  const int bands = static_cast<int>(plain.bands);
  return {kFrames, bands, support::random_values(size_t{kFrames} * plain.bands, 1, seed)};
}

support::Signal by_band(const mel::Mel& mel) {
  auto signal = support::zeros(static_cast<size_t>(mel.bands), static_cast<size_t>(mel.frames));
  for (int f = 0; f < mel.frames; ++f)
    for (int b = 0; b < mel.bands; ++b)
      signal[static_cast<size_t>(b)][static_cast<size_t>(f)] = mel.frame(f)[static_cast<size_t>(b)];
  return signal;
}

// Channel after channel.
std::vector<double> in_a_row(const support::Signal& signal) {
  std::vector<double> values;
  for (const auto& channel : signal) values.insert(values.end(), channel.begin(), channel.end());
  return values;
}

// One relative to the largest value, in both directions.
void expect_same(const Converted& found, const support::PlainVocoder& plain) {
  const runtime::Session session({found.spec, found.tensors, ""});
  const mel::Mel mel = made_mel(plain, 21);
  const size_t rows = kFrames * plain.hop / plain.group;
  const auto z = support::random_values(plain.group * rows, 1, 22);
  support::Signal noise = support::zeros(plain.group, rows);
  for (size_t c = 0; c < plain.group; ++c)
    for (size_t t = 0; t < rows; ++t) noise[c][t] = z[c * rows + t];
  const auto rendered = session.render(mel, {.seed = 0, .item = 0, .sigma = {}, .z = z});
  EXPECT_LT(support::difference(rendered, plain.inverse(noise, by_band(mel))), 1e-4);

  const auto audio = support::random_values(kFrames * plain.hop, 0.3, 23);
  runtime::Score score;
  const auto encoded = session.encode(audio, mel, &score);
  const auto density = plain.forward(support::doubles(audio), by_band(mel));
  EXPECT_LT(support::difference(encoded, in_a_row(density.z)), 1e-4);
  const double nats = density.nats / static_cast<double>(audio.size());
  EXPECT_NEAR(score.nats_per_sample(), nats, 1e-5 * std::max(1.0, std::abs(nats)));
}

TEST(PlainVocoder, InvertsItself) {
  for (const bool old : {false, true}) {
    const MadeCheckpoint made = made_waveglow({.module = old ? "glow_old" : "glow"});
    const auto audio = support::doubles(support::random_values(kFrames * made.plain.hop, 0.3, 1));
    const auto mel = by_band(made_mel(made.plain, 2));
    const auto back = made.plain.inverse(made.plain.forward(audio, mel).z, mel);
    for (size_t i = 0; i < audio.size(); ++i) ASSERT_NEAR(back[i], audio[i], 1e-10);
  }
}

using Case = std::tuple<Layout, Norm, Precision, Container, Wrapping>;
class EveryForm : public testing::TestWithParam<Case> {};

TEST_P(EveryForm, GivesWhatTheOriginalGives) {
  const auto [layout, norm, precision, container, wrapping] = GetParam();
  const Form form = {layout, norm, precision, container, wrapping, "glow"};
  const MadeCheckpoint made = made_waveglow(form);
  const Converted found = converted(file_of(made, form));
  expect_same(found, made.plain);
  EXPECT_EQ(found.spec.model, "waveglow");
  EXPECT_EQ(found.spec.sigma, 0.6);
  EXPECT_EQ(found.spec.provenance["imported_from"], "made.pt");
}

// Modules are saved with weight_g and weight_v or without: torch refuses to pickle parametrised
// ones.
INSTANTIATE_TEST_SUITE_P(
    WaveGlow, EveryForm,
    testing::Combine(
        testing::Values(Layout::fused, Layout::cond_layers, Layout::separate),
        testing::Values(Norm::removed, Norm::g_and_v),
        testing::Values(Precision::f32, Precision::f16, Precision::bf16, Precision::f64),
        testing::Values(Container::legacy, Container::zip),
        testing::Values(Wrapping::module, Wrapping::module_of_several_gpus, Wrapping::state_dict,
                        Wrapping::model_key, Wrapping::state_dict_key)));
INSTANTIATE_TEST_SUITE_P(
    Parametrized, EveryForm,
    testing::Combine(testing::Values(Layout::fused, Layout::separate),
                     testing::Values(Norm::parametrized), testing::Values(Precision::f32),
                     testing::Values(Container::zip),
                     testing::Values(Wrapping::state_dict, Wrapping::state_dict_key)));

class SqueezeWave
    : public testing::TestWithParam<std::tuple<Norm, Precision, Container, Wrapping>> {};

TEST_P(SqueezeWave, GivesWhatTheOriginalGives) {
  const auto [norm, precision, container, wrapping] = GetParam();
  const Form form = {Layout::fused, norm, precision, container, wrapping, "glow"};
  const MadeCheckpoint made = made_squeezewave(form);
  const Converted found = converted(file_of(made, form));
  expect_same(found, made.plain);
  EXPECT_EQ(found.spec.model, "squeezewave");
}

INSTANTIATE_TEST_SUITE_P(Forms, SqueezeWave,
                         testing::Combine(testing::Values(Norm::removed, Norm::g_and_v),
                                          testing::Values(Precision::f32, Precision::f16),
                                          testing::Values(Container::legacy, Container::zip),
                                          testing::Values(Wrapping::module,
                                                          Wrapping::state_dict_key)));

TEST(AlternateHalves, AreToldByTheClass) {
  for (const Layout layout : {Layout::fused, Layout::cond_layers}) {
    Form form = {.layout = layout, .wrapping = Wrapping::module, .module = "glow_old"};
    const MadeCheckpoint made = made_waveglow(form);
    expect_same(converted(file_of(made, form)), made.plain);
    form.wrapping = Wrapping::module_of_several_gpus;
    expect_same(converted(file_of(made, form)), made.plain);
  }
}

TEST(AlternateHalves, AreToldByTheUserWhereTheFileIsSilent) {
  Form form = {.layout = Layout::cond_layers, .module = "glow_old"};
  const MadeCheckpoint made = made_waveglow(form);
  const Converted guessed = converted(file_of(made, form));
  ASSERT_EQ(guessed.assumed.size(), 1u);
  EXPECT_THAT(guessed.assumed[0], HasSubstr("--alternate-halves"));
  const Converted told = converted(file_of(made, form), {.alternate_halves = true});
  EXPECT_THAT(told.assumed, IsEmpty());
  expect_same(told, made.plain);
  // And against the class.
  form.wrapping = Wrapping::module;
  form.module = "forked.model";
  expect_same(converted(file_of(made, form), {.alternate_halves = true}), made.plain);
}

TEST(Convert, TakesGAndVWhereAWeightStandsBesideThem) {
  MadeCheckpoint made = made_waveglow({});
  const Saved v = made["WN.1.start.weight_v"];
  made.tensors.push_back({"WN.1.start.weight", v.shape, v.values});
  expect_same(converted(file_of(made, {})), made.plain);
}

TEST(Convert, ReadsOtherSizes) {
  const Sizes sizes[] = {{.bands = 8,
                          .hop = 16,
                          .frames = 1,
                          .group = 4,
                          .flows = 3,
                          .every = 4,
                          .channels = 3,
                          .layers = 1,
                          .kernel = 5},
                         {.bands = 8,
                          .hop = 16,
                          .frames = 2,
                          .group = 16,
                          .flows = 4,
                          .every = 1,
                          .early = 4,
                          .channels = 5,
                          .layers = 2,
                          .kernel = 1}};
  for (const Sizes& some : sizes) {
    const MadeCheckpoint made = made_waveglow({}, 3, some);
    expect_same(converted(file_of(made, {})), made.plain);
  }
}

TEST(Convert, KeepsTheProvenance) {
  const Form form = {.layout = Layout::separate, .wrapping = Wrapping::module};
  const Json of_module = converted(file_of(made_waveglow(form), form)).spec.provenance;
  EXPECT_EQ(of_module["class"], "glow.WaveGlow");
  EXPECT_EQ(of_module["layout"], "cond_layers, res_layers, skip_layers");
  EXPECT_EQ(of_module["iteration"], 580000);
  const Form dict = {.wrapping = Wrapping::state_dict_key};
  const Json of_dict = converted(file_of(made_waveglow(dict), dict)).spec.provenance;
  EXPECT_EQ(of_dict["epoch"], 1001);
  EXPECT_EQ(of_dict["layout"], "cond_layer, res_skip_layers");
  EXPECT_FALSE(of_dict.contains("class"));
}

}  // namespace
}  // namespace fluvox::imports
