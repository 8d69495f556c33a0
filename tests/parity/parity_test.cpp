// The two bodies of every model held together: the runtime in fp32 against the LibTorch modules in
// float64, with random last layers (log-scales of standard deviation about 0.3), since with the
// zeros they start from every coupling would be the identity and the test vacuous.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "flow/flow_torch.h"
#include "models/registry.h"
#include "runtime/session.h"
#include "support/made_speech.h"
#include "support/randomise_torch.h"
#include "train/tensors_torch.h"

namespace fluvox {
namespace {

struct Pair {
  std::shared_ptr<flow::TorchFlow> exact;  // float64
  std::unique_ptr<runtime::Session> session;
};

Pair make_pair(const std::string& name, const Json& settings) {
  const auto convention = mel::convention("tacotron2");
  torch::manual_seed(3);
  auto flow =
      std::make_shared<flow::TorchFlow>(models::architecture(name).build(settings, convention));
  flow->randomise_last_layers(0.3, 7);
  support::randomise_zeros(*flow);
  flow::Model model{flow->spec(), {}, ""};
  for (const auto& [key, tensor] : flow->tensors()) model.tensors[key] = train::to_host(tensor);
  flow->to(torch::kFloat64);
  flow->eval();
  return {flow, std::make_unique<runtime::Session>(model)};
}

// [1, bands, F] of the first F frames
torch::Tensor mel_tensor(const mel::Mel& mel, int64_t frames) {
  auto values = mel.values;
  return torch::from_blob(values.data(), {mel.frames, mel.bands})
      .clone()
      .narrow(0, 0, frames)
      .t()
      .unsqueeze(0)
      .to(torch::kFloat64)
      .contiguous();
}

double relative_error(const std::vector<float>& found, const torch::Tensor& expected) {
  const torch::Tensor wanted = expected.reshape({-1});
  EXPECT_EQ(static_cast<int64_t>(found.size()), wanted.numel());
  auto copy = found;
  const torch::Tensor mine = torch::from_blob(copy.data(), {wanted.numel()}).to(torch::kFloat64);
  return ((mine - wanted).abs().max() / wanted.abs().max()).item<double>();
}

class Parity : public testing::TestWithParam<std::tuple<std::string, int>> {
 protected:
  Parity()
      : architecture_(models::architecture(std::get<0>(GetParam()))),
        frames_(std::get<1>(GetParam())) {}
  const models::Architecture& architecture_;
  const int frames_;
};

TEST_P(Parity, SamplesAndLikelihoodEqualTheFloat64Modules) {
  const torch::NoGradGuard no_grad;
  const Pair pair = make_pair(architecture_.name, architecture_.tiny);
  const auto speech = support::made_speech(22050, (frames_ + 0.3) * 256 / 22050.0, 5);
  const mel::Mel whole = pair.session->analyse(speech);
  const mel::Mel mel{frames_,
                     whole.bands,
                     {whole.values.begin(), whole.values.begin() + int64_t{frames_} * whole.bands}};
  const auto condition =
      pair.exact->condition(net::with_margins(mel_tensor(whole, frames_), pair.exact->margins()));
  const int channels = pair.session->z_channels(), positions = pair.session->z_positions(frames_);
  torch::manual_seed(11);
  const torch::Tensor z = torch::randn({1, channels, positions}, torch::kFloat32);
  const auto* values = z.data_ptr<float>();
  const auto rendered = pair.session->render(
      mel,
      {.seed = 0, .item = 0, .sigma = {}, .z = std::vector<float>(values, values + z.numel())});
  ASSERT_EQ(rendered.size(), static_cast<size_t>(frames_) * 256);
  const torch::Tensor sampled = pair.exact->inverse(z.to(torch::kFloat64), condition);
  EXPECT_LT(relative_error(rendered, sampled), 1e-4);

  runtime::Score score;
  const std::vector<float> audio(speech.begin(), speech.begin() + frames_ * 256);
  const auto encoded = pair.session->encode(audio, mel, &score);
  auto copy = audio;
  const torch::Tensor x = torch::from_blob(copy.data(), {1, frames_ * 256}).to(torch::kFloat64);
  EXPECT_LT(relative_error(encoded, pair.exact->inference(x, condition).z), 1e-4);
  const double exact = pair.exact->log_prob(x, condition).item<double>() / (frames_ * 256);
  EXPECT_NEAR(score.nats_per_sample(), exact, 1e-5 * std::max(1.0, std::abs(exact)));
}

TEST_P(Parity, TheLastLayersMatter) {
  const torch::NoGradGuard no_grad;
  const Pair pair = make_pair(architecture_.name, architecture_.tiny);
  const auto speech = support::made_speech(22050, (frames_ + 0.3) * 256 / 22050.0, 5);
  const mel::Mel whole = pair.session->analyse(speech);
  const auto condition =
      pair.exact->condition(net::with_margins(mel_tensor(whole, frames_), pair.exact->margins()));
  torch::manual_seed(12);
  const int channels = pair.session->z_channels(), positions = pair.session->z_positions(frames_);
  const torch::Tensor z = torch::randn({1, channels, positions}, torch::kFloat64);
  const torch::Tensor before = pair.exact->inverse(z, condition);
  pair.exact->randomise_last_layers(0, 1);
  EXPECT_GT(((pair.exact->inverse(z, condition) - before).abs().max() / before.abs().max())
                .item<double>(),
            0.05);
}

std::vector<std::string> names() {
  std::vector<std::string> list;
  for (const auto& a : models::architectures()) list.push_back(a.name);
  return list;
}

INSTANTIATE_TEST_SUITE_P(AllModels, Parity,
                         testing::Combine(testing::ValuesIn(names()), testing::Values(2, 5, 9)),
                         [](const auto& one) {
                           return std::get<0>(one.param) + "_" +
                                  std::to_string(std::get<1>(one.param)) + "_frames";
                         });

}  // namespace
}  // namespace fluvox
