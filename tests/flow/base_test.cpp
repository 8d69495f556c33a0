#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "flow/base_runtime.h"
#include "kernels/noise.h"
#include "support/made_weights.h"
#include "support/throws.h"

namespace fluvox::flow {
namespace {

struct Case {
  std::string name;
  Json json;
  std::function<double(double)> cumulative;  // of channel 1
};

double normal_cumulative(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

std::vector<Case> cases() {
  const double e = std::exp(1.0), sum = 1 + e + 1 / e;
  return {
      {"normal", {{"kind", "normal"}}, normal_cumulative},
      {"logistic", {{"kind", "logistic"}}, [](double x) { return 1 / (1 + std::exp(-x)); }},
      {"mixture",
       {{"kind", "mixture"}, {"channels", 2}, {"components", 3}},
       [=](double x) {
         return (normal_cumulative((x + 2) / 0.5) + e * normal_cumulative(x - 0.5) +
                 normal_cumulative((x - 4) / 2) / e) /
                sum;
       }},
  };
}

std::unique_ptr<RuntimeBase> build(const Case& one) {
  support::MadeWeights made(1);
  const auto ln = [](double x) { return static_cast<float>(std::log(x)); };
  made.set("base.logits", {2, 3}, {5, 5, 5, 3, 4, 2});  // a constant beside them is nothing
  made.set("base.means", {2, 3}, {0, 0, 0, -2, 0.5f, 4});
  made.set("base.log_scales", {2, 3}, {0, 0, 0, ln(0.5), 0, ln(2)});
  net::Weights weights(made.tensors);
  net::Weights mine = weights.in("base");
  return make_runtime_base(one.json, "base", mine);
}

TEST(Base, DensitiesAreTheDerivativesOfTheCumulatives) {
  for (const Case& one : cases()) {
    const auto base = build(one);
    for (const float x : {-7.0f, -2.1f, -0.5f, 0.0f, 0.3f, 1.0f, 5.0f}) {
      const double step = 1e-4;
      const double slope = (one.cumulative(x + step) - one.cumulative(x - step)) / (2 * step);
      EXPECT_NEAR(std::exp(base->log_density(std::vector<float>{x}, 1)), slope, 1e-7)
          << one.name << " at " << x;
    }
    const std::vector<float> both = {0.3f, -1};
    EXPECT_NEAR(base->log_density(both, 1),
                base->log_density({both.data(), 1}, 1) + base->log_density({both.data() + 1, 1}, 1),
                1e-12);
  }
}

TEST(Base, DensitiesIntegrateToOne) {
  for (const Case& one : cases()) {
    const auto base = build(one);
    double sum = 0;
    for (int i = -40000; i <= 40000; ++i)
      sum += std::exp(base->log_density(std::vector<float>{static_cast<float>(i) * 0x1p-10f}, 1));
    EXPECT_NEAR(sum * 0x1p-10, 1, 1e-6) << one.name;
  }
}

// Kolmogorov and Smirnov: 20000 draws stay within 1.63 / sqrt(20000) of their cumulative in 99 of
// 100 seeds; this one is given.
TEST(Base, DrawsFollowTheirCumulative) {
  for (const Case& one : cases()) {
    std::vector<float> z(20000);
    build(one)->draw(z, 3, 1, 1, 0);
    std::sort(z.begin(), z.end());
    double worst = 0;
    for (size_t i = 0; i < z.size(); ++i) {
      const double expected = one.cumulative(z[i]), n = static_cast<double>(z.size());
      worst = std::max({worst, std::abs(expected - static_cast<double>(i) / n),
                        std::abs(expected - static_cast<double>(i + 1) / n)});
    }
    EXPECT_LT(worst, 0.0116) << one.name;
  }
}

TEST(Base, DrawsAreByAddress) {
  for (const Case& one : cases()) {
    const auto base = build(one);
    std::vector<float> whole(101), part(50), other(101);
    base->draw(whole, 3, 1, 1, 7);
    base->draw(part, 3, 1, 1, 27);
    EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + 20)) << one.name;
    base->draw(other, 3, 2, 1, 7);
    EXPECT_NE(other, whole);
    base->draw(other, 4, 1, 1, 7);
    EXPECT_NE(other, whole);
    base->draw(other, 3, 1, 0, 7);
    EXPECT_NE(other, whole);
  }
  std::vector<float> z(9);
  build(cases()[0])->draw(z, 3, 1, 5, 2);
  for (size_t i = 0; i < z.size(); ++i) EXPECT_EQ(z[i], kernels::normal(3, 1, 5, 2 + i));
}

TEST(Base, RefusesWhatItDoesNotKnow) {
  const auto code = [](const Json& json) {
    return support::thrown_by([&] { build({"", json, {}}); }).code();
  };
  EXPECT_EQ(code({{"kind", "laplace"}}), "spec-unknown-kind");
  EXPECT_EQ(code({{"kind", "normal"}, {"mean", 1}}), "config-invalid");
  EXPECT_EQ(code({{"kind", "mixture"}, {"channels", 3}, {"components", 3}}), "weights-shape");
}

}  // namespace
}  // namespace fluvox::flow
