#include "train/adamw.h"

#include <gtest/gtest.h>

namespace fluvox::train {
namespace {

using torch::Tensor;

// The oracle is LibTorch's own AdamW, one tensor after the other. One weight never has a gradient.
TEST(AdamW, IsLibTorchs) {
  torch::manual_seed(4);
  const auto options = torch::dtype(torch::kFloat64);
  std::vector<Tensor> mine, theirs;
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{7, 33}, {5}, {3, 2, 3}, {1}, {4}})
    mine.push_back(torch::randn(shape, options).requires_grad_(true));
  mine[2] = torch::randn({3, 3, 2}, options).transpose(1, 2).requires_grad_(true);
  for (const Tensor& w : mine) theirs.push_back(w.detach().clone().requires_grad_(true));
  AdamW adam(mine, {true, true, false, false, false}, 0.3);
  using Group = torch::optim::OptimizerParamGroup;
  using Options = torch::optim::AdamWOptions;
  const Options plain = Options(0).betas({0.9, 0.98}).weight_decay(0);
  torch::optim::AdamW oracle(
      {Group({theirs[0], theirs[1]}, std::make_unique<Options>(Options(plain).weight_decay(0.3))),
       Group({theirs[2], theirs[3], theirs[4]}, std::make_unique<Options>(plain))},
      plain);
  for (int step = 0; step < 20; ++step) {
    const double rate = 0.1 / (1 + step), divisor = step % 3 == 0 ? 2.5 : 1;
    for (size_t i = 0; i + 1 < mine.size(); ++i) {
      const Tensor gradient = torch::randn(mine[i].sizes(), options);
      mine[i].mutable_grad() = gradient.clone();
      theirs[i].mutable_grad() = gradient / divisor;
    }
    adam.step(rate, divisor);
    for (auto& group : oracle.param_groups()) static_cast<Options&>(group.options()).lr(rate);
    oracle.step();
    for (size_t i = 0; i < mine.size(); ++i)
      EXPECT_LT((mine[i] - theirs[i]).abs().max().item<double>(), 1e-12) << step << ", " << i;
  }
  EXPECT_EQ(adam.updates, 20);
  EXPECT_EQ(adam.moment1[4].abs().max().item<double>(), 0);
}

}  // namespace
}  // namespace fluvox::train
