// Imported checkpoints in float64: the LibTorch modules of the converted model against the plain
// implementation of the code that it comes from. The runtime's float32 is in tests/import.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "flow/flow_torch.h"
#include "import/convert.h"
#include "import/made_checkpoint.h"
#include "support/made_models.h"
#include "train/tensors_torch.h"

namespace fluvox::imports {
namespace {

using namespace made;
using support::Signal;

constexpr size_t kFrames = 6;

torch::Tensor tensor_of(const Signal& signal) {
  std::vector<torch::Tensor> rows;
  for (const auto& channel : signal) rows.push_back(torch::tensor(channel, torch::kFloat64));
  return torch::stack(rows).unsqueeze(0);
}

Signal made_signal(size_t channels, size_t length, double scale, unsigned seed) {
  Signal signal;
  for (size_t c = 0; c < channels; ++c)
    signal.push_back(support::doubles(support::random_values(length, scale, seed + 100 * c)));
  return signal;
}

// The largest difference, relative to the largest value.
double error(const torch::Tensor& found, const torch::Tensor& expected) {
  return ((found - expected).abs().max() / expected.abs().max()).item<double>();
}

void expect_same(const std::string& bytes, const support::PlainVocoder& plain) {
  const torch::NoGradGuard no_grad;
  Checkpoint checkpoint(TorchFile(bytes, "made.pt"));
  const Converted made = convert(checkpoint, {.convention = support::small_convention()});
  flow::TorchFlow flow(made.spec);
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& [name, tensor] : made.tensors) tensors[name] = train::to_torch(tensor);
  flow.load(tensors);
  flow.to(torch::kFloat64);
  flow.eval();

  const Signal mel = made_signal(plain.bands, kFrames, 1, 1),
               z = made_signal(plain.group, kFrames * plain.hop / plain.group, 1, 2);
  const auto condition = flow.condition(net::with_margins(tensor_of(mel), flow.margins()));
  const torch::Tensor sampled = flow.inverse(tensor_of(z), condition).reshape({-1});
  EXPECT_LT(error(sampled, torch::tensor(plain.inverse(z, mel), torch::kFloat64)), 1e-5);

  const std::vector<double> audio = made_signal(1, kFrames * plain.hop, 0.3, 3)[0];
  const auto density = plain.forward(audio, mel);
  const torch::Tensor x = torch::tensor(audio, torch::kFloat64).unsqueeze(0);
  EXPECT_LT(error(flow.inference(x, condition).z, tensor_of(density.z)), 1e-5);
  EXPECT_NEAR(flow.log_prob(x, condition).item<double>() / density.nats, 1, 1e-5);
}

class ImportedInDouble
    : public testing::TestWithParam<std::tuple<Layout, Norm, Precision, Container, Wrapping>> {};

TEST_P(ImportedInDouble, IsTheOriginal) {
  const auto [layout, norm, precision, container, wrapping] = GetParam();
  for (const char* module : {"glow", "glow_old"}) {
    const Form form = {layout, norm, precision, container, wrapping, module};
    // A state dict does not tell the class.
    if (form.module == "glow_old" && wrapping != Wrapping::module) continue;
    const MadeCheckpoint made = made_waveglow(form);
    expect_same(file_of(made, form), made.plain);
  }
}

INSTANTIATE_TEST_SUITE_P(
    WaveGlow, ImportedInDouble,
    testing::Combine(testing::Values(Layout::fused, Layout::cond_layers, Layout::separate),
                     testing::Values(Norm::removed, Norm::g_and_v),
                     testing::Values(Precision::f32, Precision::f16, Precision::bf16),
                     testing::Values(Container::legacy, Container::zip),
                     testing::Values(Wrapping::module, Wrapping::state_dict_key)));

TEST(ImportedSqueezeWave, IsTheOriginal) {
  for (const Norm norm : {Norm::removed, Norm::g_and_v})
    for (const Container container : {Container::legacy, Container::zip})
      for (const Wrapping wrapping : {Wrapping::module, Wrapping::state_dict_key}) {
        const Form form = {Layout::fused, norm, Precision::f32, container, wrapping};
        const MadeCheckpoint made = made_squeezewave(form);
        expect_same(file_of(made, form), made.plain);
      }
}

}  // namespace
}  // namespace fluvox::imports
