// The operators on a GPU against the same on the CPU in float32: results and gradients, from
// float32, bfloat16 and float16. Skips where there is no GPU.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <functional>
#include <vector>

#include "core/error.h"
#include "ops/ops.h"
#include "support/throws.h"

namespace fluvox::ops {
namespace {

using Tensors = std::vector<Tensor>;
using Function = std::function<Tensors(const Tensors&)>;

class OperatorOnGpu : public testing::Test {
 protected:
  void SetUp() override {
    if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  }
};

// The outputs, then the gradients of their sums with fixed weights, as float32 on the CPU.
Tensors made(const Function& function, const Tensors& inputs) {
  Tensors leaves;
  for (const Tensor& input : inputs) leaves.push_back(input.detach().requires_grad_());
  Tensors all = function(leaves);
  Tensor sum = torch::zeros({}, torch::TensorOptions(inputs[0].device()).dtype(at::kDouble));
  for (size_t i = 0; i < all.size(); ++i) {
    torch::manual_seed(40 + i);
    const Tensor weights = torch::randn(all[i].sizes()).to(all[i].device());
    sum = sum + (all[i].to(at::kFloat) * weights).sum().to(at::kDouble);
  }
  for (const Tensor& gradient : torch::autograd::grad({sum}, leaves, {}, {}, {}, true))
    all.push_back(gradient);
  for (Tensor& one : all) one = one.detach().to(at::kFloat).cpu();
  return all;
}

// stored: the inputs that may be kept in 16 bits; the others stay float32.
void expect_alike(const Function& function, const Tensors& inputs,
                  const std::vector<bool>& stored) {
  for (const auto& [type, tolerance] :
       {std::pair(at::kFloat, 2e-5), {at::kBFloat16, 2e-2}, {at::kHalf, 4e-3}}) {
    Tensors here, there;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Tensor kept = stored[i] ? inputs[i].to(type) : inputs[i];
      here.push_back(stored[i] ? kept.to(at::kFloat) : kept);
      // to(device) alone would keep the strides of a view only where they are dense
      there.push_back(kept.to(at::kCUDA));
    }
    const Tensors expected = made(function, here), found = made(function, there),
                  again = made(function, there);
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) {
      const double scale = 1 + expected[i].abs().max().item<double>();
      EXPECT_LT((found[i] - expected[i]).abs().max().item<double>() / scale, tolerance)
          << c10::toString(type) << ", result " << i;
      EXPECT_TRUE(torch::equal(found[i], again[i])) << "not the same twice";
    }
  }
}

Tensor random(at::IntArrayRef sizes, uint64_t seed) {
  torch::manual_seed(seed);
  return torch::randn(sizes);
}

TEST_F(OperatorOnGpu, Gate) {
  const auto run = [](const Tensors& i) -> Tensors { return {gate(i[0], i[1])}; };
  expect_alike(run, {random({3, 16, 129}, 1), random({3, 48, 129}, 2).narrow(1, 16, 16)},
               {true, true});
}

TEST_F(OperatorOnGpu, CouplingAndItsInverse) {
  struct Shape {
    Changing changing;
    int64_t rows, columns;
  };
  for (const auto& [changing, rows, columns] :
       {Shape{{1, 4, 1}, 4, 700}, {{1, 1, 2}, 4, 700}, {{2, 0, 2}, 8, 350}, {{}, 8, 700}})
    for (const Affine& affine : {Affine{}, Affine{true, "exp", 1.5}, Affine{true, "sigmoid", 0},
                                 Affine{false, "exp", 0}}) {
      const Tensors inputs = {random({3, 700, 8}, 3).transpose(1, 2),
                              0.5 * random({3, affine.shift ? 2 : 1, rows, columns}, 4)};
      expect_alike(
          [&, c = changing](const Tensors& i) -> Tensors {
            const auto [z, log_det] = coupling(i[0], i[1], c, affine);
            return {z, log_det / 100};
          },
          inputs, {true, true});
      expect_alike(
          [&, c = changing](const Tensors& i) -> Tensors {
            return {coupling_inverse(i[0], i[1], c, affine)};
          },
          inputs, {true, true});
    }
}

TEST_F(OperatorOnGpu, MixingOfWhatASqueezeLeaves) {
  const auto run = [](const Tensors& i) -> Tensors { return {mixing(i[0], i[1])}; };
  for (const int64_t channels : {1, 4, 8, 12, 64})
    expect_alike(run,
                 {random({channels, channels}, 5), random({2, 600, channels}, 6).transpose(1, 2)},
                 {false, true});
}

TEST_F(OperatorOnGpu, InverseAndLogDet) {
  for (const int64_t channels : {1, 8, 64, 128}) {
    const Tensor w = random({channels, channels}, 7).to(at::kDouble);
    const auto [inverse, log_abs_det] = inverse_log_det(w.to(at::kCUDA));
    const auto expected = inverse_log_det(w);
    EXPECT_TRUE(torch::equal(inverse.cpu(), expected.inverse)) << channels;
    EXPECT_NEAR(log_abs_det.item<double>(), expected.log_abs_det.item<double>(), 1e-12);
  }
}

TEST_F(OperatorOnGpu, ActNormAndItsInverse) {
  const Tensors inputs = {random({3, 8, 1100}, 8), 0.5 * random({8}, 9), random({8}, 10)};
  expect_alike([](const Tensors& i) -> Tensors { return {actnorm(i[0], i[1], i[2])}; }, inputs,
               {true, false, false});
  expect_alike([](const Tensors& i) -> Tensors { return {actnorm_inverse(i[0], i[1], i[2])}; },
               inputs, {true, false, false});
}

TEST_F(OperatorOnGpu, RefusesWhatItDoesNotComputeIn) {
  const auto error = support::thrown_by([] {
    gate(torch::zeros({1, 2, 3}, torch::TensorOptions(at::kCUDA).dtype(at::kDouble)), {});
  });
  EXPECT_EQ(error.code(), "op-dtype");
  const auto apart = support::thrown_by([] {
    gate(torch::zeros({1, 2, 3}, at::kCUDA), torch::zeros({1, 2, 3}));
  });
  EXPECT_EQ(apart.code(), "op-device");
}

}  // namespace
}  // namespace fluvox::ops
