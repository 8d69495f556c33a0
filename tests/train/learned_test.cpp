#include "train/learned.h"

#include <gtest/gtest.h>

namespace fluvox::train {
namespace {

using torch::Tensor;

// Weights of a net, a last layer that begins at zero, a bias, a 1x1 convolution, a conditioner.
class LearnedTest : public testing::Test {
 protected:
  LearnedTest() {
    torch::manual_seed(3);
    const auto options = torch::dtype(torch::kFloat64);
    weights_ = {torch::randn({4, 3, 5}, options), torch::zeros({2, 4, 1}, options),
                torch::randn({4}, options), torch::randn({3, 3, 1}, options),
                torch::randn({4, 4}, options)};
    for (Tensor& w : weights_) w.requires_grad_(true);
  }
  const std::vector<std::string> names_ = {"steps.0.net.in.weight", "steps.0.net.end.weight",
                                           "steps.0.net.in.bias", "steps.1.weight",
                                           "conditioner.weight"};
  std::vector<Tensor> weights_;
};

TEST_F(LearnedTest, WithoutWeightNormItIsTheWeightsThemselves) {
  const Learned learned(names_, weights_, false);
  EXPECT_EQ(learned.names(), names_);
  EXPECT_EQ(learned.decays(), (std::vector<bool>{true, true, false, false, true}));
  for (size_t i = 0; i < names_.size(); ++i) EXPECT_TRUE(learned.tensors()[i].is_same(weights_[i]));
}

TEST_F(LearnedTest, MatricesOfNetsBecomeLengthsAndDirections) {
  const Learned learned(names_, weights_, true);
  const std::vector<std::string> expected = {"steps.0.net.in.weight/length",
                                             "steps.0.net.in.weight/direction",
                                             "steps.0.net.end.weight",
                                             "steps.0.net.in.bias",
                                             "steps.1.weight",
                                             "conditioner.weight"};
  EXPECT_EQ(learned.names(), expected);
  EXPECT_EQ(learned.decays(), (std::vector<bool>{true, false, true, false, false, true}));
  EXPECT_EQ(learned.tensors()[0].sizes(), (std::vector<int64_t>{4, 1, 1}));
}

// The oracle is LibTorch's own weight norm and its autograd.
TEST_F(LearnedTest, WeightsAndGradientsAreThoseOfLibTorch) {
  Learned learned(names_, weights_, true);
  const Tensor g = (1 + torch::rand({4, 1, 1}, torch::kFloat64)).requires_grad_(true);
  const Tensor v = torch::randn({4, 3, 5}, torch::kFloat64).requires_grad_(true);
  const Tensor target = torch::randn({4, 3, 5}, torch::kFloat64);
  const auto loss = [&](const Tensor& w) { return (w.sin() * target).sum(); };
  const Tensor w = torch::_weight_norm(v, g, 0);
  loss(w).backward();
  {
    const torch::NoGradGuard no_grad;
    learned.tensors()[0].copy_(g);
    learned.tensors()[1].copy_(v);
  }
  learned.put();
  EXPECT_LT((weights_[0] - w).abs().max().item<double>(), 1e-14);
  loss(weights_[0]).backward();
  learned.find_gradients();
  EXPECT_LT((learned.tensors()[0].grad() - g.grad()).abs().max().item<double>(), 1e-14);
  EXPECT_LT((learned.tensors()[1].grad() - v.grad()).abs().max().item<double>(), 1e-14);
}

TEST_F(LearnedTest, WhatWasLoadedIsTakenOverAndAnOutputOfZerosStaysOne) {
  Learned learned(names_, weights_, true);
  Tensor loaded = torch::randn({4, 3, 5}, torch::kFloat64);
  loaded[2].zero_();
  {
    const torch::NoGradGuard no_grad;
    weights_[0].copy_(loaded);
  }
  learned.take();
  EXPECT_LT((weights_[0] - loaded).abs().max().item<double>(), 1e-15);
  weights_[0].square().sum().backward();
  learned.find_gradients();
  for (const Tensor& tensor : learned.tensors())
    if (tensor.grad().defined()) {
      EXPECT_TRUE(tensor.grad().isfinite().all().item<bool>());
    }
  learned.put();
  EXPECT_EQ(weights_[0][2].abs().max().item<double>(), 0);
}

}  // namespace
}  // namespace fluvox::train
