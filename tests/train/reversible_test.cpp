// Gradients without kept activations against plain autograd, for every model, and the memory that
// they take.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "flow/flow_torch.h"
#include "models/registry.h"
#include "support/randomise_torch.h"
#include "support/tensor_memory_torch.h"

namespace fluvox {
namespace {

using torch::Tensor;

mel::Convention short_convention() {
  mel::Convention c = mel::convention("tacotron2");
  c.fft = c.window = 256;
  c.hop = 64;
  c.bands = 10;
  return c;
}

struct Case {
  std::shared_ptr<flow::TorchFlow> flow;
  Tensor audio, mel;

  Case(const std::string& name, const Json& settings, at::ScalarType type, int64_t batch = 2,
       int64_t frames = 12) {
    at::set_num_threads(1);
    const mel::Convention convention = short_convention();
    torch::manual_seed(5);
    flow =
        std::make_shared<flow::TorchFlow>(models::architecture(name).build(settings, convention));
    flow->randomise_last_layers(0.2, 7);
    support::randomise_zeros(*flow);
    audio = 0.3 * torch::randn({batch, frames * convention.hop});
    mel = torch::randn({batch, convention.bands, frames});
    {
      const torch::NoGradGuard no_grad;
      flow->initialise(audio, condition());
    }
    flow->to(type);
    audio = audio.to(type);
    mel = mel.to(type);
  }
  net::Condition condition() { return flow->condition(net::with_margins(mel, flow->margins())); }

  // What log_prob, weighted differently for each item, does to weights, mel and audio; and its
  // value
  std::map<std::string, Tensor> gradients(bool reversible) {
    flow->set_reversible(reversible);
    flow->zero_grad();
    Tensor x = audio.detach().clone().requires_grad_(), seen = mel.detach().requires_grad_();
    mel = seen;
    const Tensor nats = flow->log_prob(x, condition()) / static_cast<double>(x.size(1));
    (nats * torch::arange(1, nats.size(0) + 1, nats.options())).sum().backward();
    std::map<std::string, Tensor> found = {
        {"nats", nats.detach()}, {"audio", x.grad().clone()}, {"mel", seen.grad().clone()}};
    seen.mutable_grad() = Tensor();
    for (const auto& [key, weight] : flow->weights())
      if (weight.grad().defined()) found[key] = weight.grad().clone();
    return found;
  }
};

// The largest error over all gradients, as a share of each one's largest entry.
double worst(const std::map<std::string, Tensor>& found,
             const std::map<std::string, Tensor>& wanted) {
  EXPECT_EQ(found.size(), wanted.size());
  double error = 0;
  for (const auto& [key, tensor] : wanted) {
    if (!found.count(key)) {
      ADD_FAILURE() << "no gradient of " << key;
      continue;
    }
    const double scale = std::max(tensor.abs().max().item<double>(), 1e-12);
    const double here = (found.at(key) - tensor).abs().max().item<double>() / scale;
    EXPECT_LT(here, 1e-3) << key;
    error = std::max(error, here);
  }
  return error;
}

class Reversible : public testing::TestWithParam<std::string> {};

std::vector<std::string> names() {
  std::vector<std::string> list;
  for (const auto& a : models::architectures()) list.push_back(a.name);
  return list;
}
INSTANTIATE_TEST_SUITE_P(Models, Reversible, testing::ValuesIn(names()), [](const auto& one) {
  std::string name = one.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

// iaf's density goes sample by sample.
int64_t frames_for(const std::string& name) { return name == "iaf" ? 1 : 12; }

TEST_P(Reversible, GradientsAreThoseOfPlainAutograd) {
  Case plain(GetParam(), models::architecture(GetParam()).tiny, at::kDouble, 2,
             frames_for(GetParam()));
  Case mine(GetParam(), models::architecture(GetParam()).tiny, at::kDouble, 2,
            frames_for(GetParam()));
  const auto wanted = plain.gradients(false), found = mine.gradients(true);
  EXPECT_GT(wanted.size(), 4u);
  EXPECT_LT(worst(found, wanted), 1e-9);
  // State that a step changes as it goes is changed once.
  for (const auto& [key, tensor] : plain.flow->state())
    EXPECT_TRUE(torch::equal(tensor, mine.flow->state().at(key))) << key;
}

TEST(ReversibleDepth, TwelveFlowsInFloatAgreeToFiveDigits) {
  const Json settings = {{"channels", 16}, {"layers", 3}};
  Case plain("waveglow", settings, at::kFloat), mine("waveglow", settings, at::kFloat);
  EXPECT_LT(worst(mine.gradients(true), plain.gradients(false)), 1e-5);
}

TEST(ReversibleDepth, AFaultInTheInverseShows) {
  // z that does not come from x: the gradient must not be found right by chance.
  Case plain("waveglow", models::architecture("waveglow").tiny, at::kDouble);
  Case mine("waveglow", models::architecture("waveglow").tiny, at::kDouble);
  const auto wanted = plain.gradients(false);
  mine.flow->set_reversible(true);
  const Tensor nats =
      mine.flow->log_prob(mine.audio, mine.condition()) / static_cast<double>(mine.audio.size(1));
  const Tensor loss = (nats * torch::arange(1, 3, nats.options())).sum();
  {
    const torch::NoGradGuard no_grad;
    for (auto& [key, weight] : mine.flow->weights())
      if (key.find("end.bias") != std::string::npos) weight.add_(0.01);
  }
  loss.backward();
  double error = 0;
  for (const auto& [key, weight] : mine.flow->weights())
    error = std::max(error, (weight.grad() - wanted.at(key)).abs().max().item<double>() /
                                wanted.at(key).abs().max().item<double>());
  EXPECT_GT(error, 1e-4);
}

// The most that tensors take in a step: of long clips and small nets, so that the gradients of the
// weights, which grow with the number of flows, are few beside the activations.
int64_t memory(int flows, bool reversible) {
  Case c("waveglow", {{"channels", 16}, {"layers", 4}, {"flows", flows}, {"early_every", 100}},
         at::kFloat, 2, 256);
  c.flow->set_reversible(reversible);
  return support::TensorMemory::peak_of(
      [&] { c.flow->log_prob(c.audio, c.condition()).mean().backward(); });
}

TEST(ReversibleDepth, MemoryDoesNotGrowWithTheNumberOfFlows) {
  const auto four = static_cast<double>(memory(4, true)),
             plain = static_cast<double>(memory(4, false));
  EXPECT_LT(static_cast<double>(memory(16, true)), 1.2 * four);
  EXPECT_GT(static_cast<double>(memory(16, false)), 2.5 * plain);
  EXPECT_LT(four, 0.7 * plain);
}

}  // namespace
}  // namespace fluvox
