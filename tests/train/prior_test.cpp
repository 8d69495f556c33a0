#include "train/prior.h"

#include <gtest/gtest.h>

namespace fluvox::train {
namespace {

using torch::Tensor;

// Bayes' linear regression: y = A w + e, e ~ N(0, v), w ~ N(w0, s^2 I). The mode of the posterior
// is
//   (A'A / v + I / s^2)^-1 (A'y / v + w0 / s^2)
struct Regression {
  Tensor a, y, centre, closed;
  double v = 0.3, s = 0.4;
  int64_t n = 40;

  Regression() {
    torch::manual_seed(8);
    const auto exact = torch::TensorOptions(torch::kFloat64);
    a = torch::randn({n, 3}, exact);
    y = torch::matmul(a, torch::tensor({1.5, -2.0, 0.5}, exact)) +
        std::sqrt(v) * torch::randn({n}, exact);
    centre = torch::tensor({-1.0, 0.0, 2.0}, exact);
    closed = torch::linalg_solve(torch::matmul(a.t(), a) / v + torch::eye(3, exact) / (s * s),
                                 torch::matmul(a.t(), y) / v + centre / (s * s), true);
  }
  // -log p(y | w) per sample, as the trainer's loss is
  Tensor loss(const Tensor& w) const { return (y - torch::matmul(a, w)).square().mean() / (2 * v); }
};

TEST(MaximumAPosteriori, ModeOfALinearGaussianModelIsTheClosedForm) {
  const Regression r;
  const Prior prior({r.centre}, r.s, static_cast<double>(r.n));
  Tensor w = torch::zeros({3}, torch::kFloat64).requires_grad_();
  torch::optim::SGD descent({w}, 0.1);
  for (int step = 0; step < 2000; ++step) {
    descent.zero_grad();
    r.loss(w).backward();
    prior.add_gradient({w});
    descent.step();
  }
  EXPECT_LT((w.detach() - r.closed).abs().max().item<double>(), 1e-10);
  // It lies between the prior's centre and the likelihood's best.
  const Tensor best =
      torch::linalg_solve(torch::matmul(r.a.t(), r.a), torch::matmul(r.a.t(), r.y), true);
  EXPECT_GT((r.closed - best).abs().max().item<double>(), 1e-2);
}

TEST(MaximumAPosteriori, ItsGradientIsThatOfItsPenalty) {
  const Regression r;
  const Prior prior({r.centre}, 0.7, 123);
  const Tensor w = torch::tensor({0.2, -0.4, 0.6}, torch::kFloat64).requires_grad_();
  prior.add_gradient({w});
  for (int64_t i = 0; i < 3; ++i) {
    const double h = 1e-5;
    Tensor up = w.detach().clone(), down = w.detach().clone();
    up[i] += h;
    down[i] -= h;
    EXPECT_NEAR(w.grad()[i].item<double>(), (prior.penalty({up}) - prior.penalty({down})) / (2 * h),
                1e-10);
  }
}

}  // namespace
}  // namespace fluvox::train
