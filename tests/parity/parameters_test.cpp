// Parameter counts against the published ones.
#include <gtest/gtest.h>

#include "flow/flow_torch.h"
#include "models/registry.h"
#include "support/throws.h"

namespace fluvox {
namespace {

double parameters(const std::string& name, const Json& settings) {
  const flow::TorchFlow flow(
      models::architecture(name).build(settings, mel::convention("tacotron2")));
  int64_t count = 0;
  for (const auto& [key, tensor] : flow.weights()) count += tensor.numel();
  return static_cast<double>(count);
}

// Published counts include a weight-norm gain for every output of the convolutions that have one;
// ours have none. Of a network's: its start, its layers with their conditions, its residuals and
// skips.
double gains(int flows, int layers, int channels, int residuals_and_skips) {
  return static_cast<double>(flows) *
         (channels + layers * 2.0 * 2 * channels + residuals_and_skips * 1.0 * channels);
}

TEST(Parameters, WaveGlowHasWhatItsPaperHas) {
  EXPECT_NEAR(parameters("waveglow", Json::object()) + gains(12, 8, 256, 15), 87.88e6, 5e3);
  EXPECT_NEAR(parameters("waveglow", {{"preset", "512"}}) + gains(12, 8, 512, 15), 268.29e6, 5e3);
}

TEST(Parameters, SqueezeWaveHasWhatItsPaperHas) {
  // Its depthwise and pointwise convolutions have no weight norm: the condition's and the residual.
  const auto count = [](const std::string& preset, int channels) {
    return parameters("squeezewave", {{"preset", preset}}) + gains(12, 8, channels, 8) -
           12 * 8 * 2.0 * channels;
  };
  EXPECT_NEAR(count("128-L", 256), 23.7e6, 5e4);
  EXPECT_NEAR(count("64-L", 256), 24.7e6, 5e4);
  EXPECT_NEAR(count("128-S", 128), 7.2e6, 5e4);
  EXPECT_NEAR(count("64-S", 128), 7.9e6, 5e4);
}

TEST(Parameters, WaveFlowHasWhatItsPaperHas) {
  const auto count = [](const std::string& preset, int channels) {
    return parameters("waveflow", {{"preset", preset}}) + gains(8, 8, channels, 15);
  };
  EXPECT_NEAR(count("h16-64", 64), 5.92e6, 5e3);
  EXPECT_NEAR(count("h8-96", 96), 12.78e6, 5e3);
  EXPECT_NEAR(count("h32-128", 128), 22.25e6, 5e3);
  EXPECT_NEAR(count("h64-256", 256), 86.2e6, 5e4);
}

// The published codes of FloWaveNet and ClariNet hold a residual convolution, gains included, in
// every network's last layer too, whose result nothing reads.
double unread(int networks, int channels) {
  return networks * (1.0 * channels * channels + 2.0 * channels);
}

TEST(Parameters, FloWaveNetHasWhatItsPaperHas) {
  const int networks = 8 * 6 + 1;
  EXPECT_NEAR(parameters("flowavenet", Json::object()) + gains(networks, 2, 256, 3 + 1) +
                  unread(networks, 256),
              182.6e6, 5e4);
}

TEST(Parameters, IafWithKernelsOfTwoHasWhatClariNetHas) {
  EXPECT_NEAR(
      parameters("iaf", {{"preset", "kernel-2"}}) + gains(6, 10, 64, 19 + 1) + unread(6, 64),
      2.17e6, 5e3);
  // The third tap: 60 layers of 64 x 128 weights.
  EXPECT_EQ(parameters("iaf", Json::object()) - parameters("iaf", {{"preset", "kernel-2"}}),
            60.0 * 64 * 128);
}

TEST(Parameters, CompactHasHalfAMillion) {
  EXPECT_NEAR(parameters("compact", Json::object()), 0.51e6, 1e4);
}

TEST(Presets, AreOverriddenAndNamedWhenUnknown) {
  const auto& waveglow = models::architecture("waveglow");
  const auto convention = mel::convention("tacotron2");
  const auto spec = waveglow.build({{"preset", "64"}, {"layers", 3}}, convention);
  EXPECT_EQ(spec.steps.back()["net"]["channels"], 64);
  EXPECT_EQ(spec.steps.back()["net"]["layers"], 3);
  const auto error = support::thrown_by([&] { waveglow.build({{"preset", "123"}}, convention); });
  EXPECT_EQ(error.code(), "config-invalid");
  EXPECT_NE(std::string(error.what()).find("64, 128, 256, 512"), std::string::npos) << error.what();
  for (const auto& a : models::architectures())
    for (const auto& preset : a.presets)
      EXPECT_EQ(a.build({{"preset", preset.name}}, convention).model, a.name);
}

TEST(Models, FitEveryRate) {
  for (const auto& [rate, hop] : std::vector<std::pair<int, int>>{
           {16000, 256}, {22050, 256}, {24000, 256}, {44100, 512}, {48000, 512}}) {
    auto convention = mel::convention("tacotron2");
    convention.sample_rate = rate;
    convention.hop = hop;
    for (const auto& a : models::architectures()) {
      const auto conditioner = a.build(Json::object(), convention).conditioner;
      if (conditioner["kind"] == "upsample") EXPECT_EQ(conditioner["kernel"], 4 * hop);
      if (conditioner["kind"] == "upsample2d")
        EXPECT_EQ(conditioner["strides"][0].get<int>() * conditioner["strides"][1].get<int>(), hop);
    }
  }
}

}  // namespace
}  // namespace fluvox
