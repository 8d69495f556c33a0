// The density of every model proven against autograd: in float64, with random last layers, the
// log-determinant that the flow reports equals log|det| of its Jacobian, row by row of autograd;
// and the inverse inverts.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <numbers>

#include "flow/flow_torch.h"
#include "flow/registry.h"
#include "models/registry.h"
#include "support/randomise_torch.h"

namespace fluvox {
namespace {

// A convention small enough for a dense Jacobian: 16 samples a frame.
mel::Convention small_convention() {
  mel::Convention c = mel::convention("tacotron2");
  c.fft = c.window = 64;
  c.hop = 16;
  c.bands = 6;
  return c;
}

class Density : public testing::TestWithParam<std::string> {
 protected:
  Density() {
    torch::manual_seed(5);
    const auto& a = models::architecture(GetParam());
    flow_ = std::make_shared<flow::TorchFlow>(a.build(a.tiny, small_convention()));
    flow_->randomise_last_layers(0.3, 9);
    support::randomise_zeros(*flow_);
    flow_->to(torch::kFloat64);
    flow_->eval();
    const auto mel = torch::randn({2, 6, kFrames}, torch::kFloat64) - 4;
    condition_ = flow_->condition(net::with_margins(mel, flow_->margins()));
    x_ = 0.1 * torch::randn({2, kFrames * 16}, torch::kFloat64);
  }

  static constexpr int kFrames = 5;
  std::shared_ptr<flow::TorchFlow> flow_;
  net::Condition condition_;
  torch::Tensor x_;
};

// Where the forward direction is serial, through the Jacobian of the inverse, whose determinant is
// one over that of the forward one: a graph of one pass in place of one of as many as there are
// samples.
TEST_P(Density, LogDetIsThatOfTheJacobian) {
  const bool forward = flow::ways_of(flow_->spec()).parallel_forward;
  torch::Tensor in = x_.clone(), out, log_det;
  if (forward) {
    in.requires_grad_(true);
    const auto result = flow_->inference(in, condition_);
    out = result.z;
    log_det = result.log_det;
  } else {
    {
      const torch::NoGradGuard no_grad;
      const auto result = flow_->inference(x_, condition_);
      in = result.z.clone();
      log_det = result.log_det;
    }
    in.requires_grad_(true);
    out = flow_->inverse(in, condition_);
  }
  for (int item = 0; item < 2; ++item) {
    const torch::Tensor flat = out[item].reshape({-1});
    std::vector<torch::Tensor> rows;
    for (int64_t i = 0; i < flat.numel(); ++i) {
      const torch::Tensor gradient = torch::autograd::grad({flat[i]}, {in}, {}, true)[0];
      EXPECT_EQ(gradient[1 - item].abs().max().item<double>(), 0)
          << "items of a batch must not mix";
      rows.push_back(gradient[item].reshape({-1}));
    }
    const auto size = std::get<1>(torch::linalg_slogdet(torch::stack(rows))).item<double>();
    const double exact = forward ? size : -size;
    EXPECT_NEAR(log_det[item].item<double>(), exact, 1e-9 * std::max(1.0, std::abs(exact)));
    EXPECT_GT(std::abs(exact), 1.0) << "a flow of determinant 1 would prove nothing";
  }
}

TEST_P(Density, InverseInverts) {
  const torch::NoGradGuard no_grad;
  const auto back = flow_->inverse(flow_->inference(x_, condition_).z, condition_);
  EXPECT_LT((back - x_).abs().max().item<double>(), 1e-10);
}

TEST_P(Density, LogProbHasEveryConstant) {
  const torch::NoGradGuard no_grad;
  const auto [z, log_det] = flow_->inference(x_, condition_);
  const auto log_prob = flow_->log_prob(x_, condition_);
  for (int item = 0; item < 2; ++item) {
    double expected = log_det[item].item<double>();
    const torch::Tensor flat = z[item].reshape({-1});
    for (int64_t i = 0; i < flat.numel(); ++i) {
      const double value = flat[i].item<double>();
      expected += std::log(std::exp(-value * value / 2) / std::sqrt(2 * std::numbers::pi));
    }
    EXPECT_NEAR(log_prob[item].item<double>(), expected, 1e-8);
  }
}

TEST_P(Density, TheConditionMatters) {
  const torch::NoGradGuard no_grad;
  const auto other = flow_->condition(
      net::with_margins(torch::randn({2, 6, kFrames}, torch::kFloat64) - 4, flow_->margins()));
  EXPECT_GT((flow_->inference(x_, condition_).z - flow_->inference(x_, other).z)
                .abs()
                .max()
                .item<double>(),
            1e-3);
}

std::vector<std::string> names() {
  std::vector<std::string> list;
  for (const auto& a : models::architectures()) list.push_back(a.name);
  return list;
}

INSTANTIATE_TEST_SUITE_P(AllModels, Density, testing::ValuesIn(names()),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace fluvox
