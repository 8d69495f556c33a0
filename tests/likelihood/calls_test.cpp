// The table of what is parallel and what is serial, proven by counting: twice the audio takes as
// many matrix products in a parallel direction, and more in a serial one.
#include <gtest/gtest.h>

#include "flow/registry.h"
#include "models/registry.h"
#include "support/likelihood/fit_torch.h"
#include "support/likelihood/work_torch.h"

namespace fluvox::likelihood {
namespace {

constexpr int kHop = 16, kBands = 6;

mel::Convention convention() {
  mel::Convention c = mel::convention("tacotron2");
  c.fft = c.window = 4 * kHop;
  c.hop = kHop;
  c.bands = kBands;
  return c;
}

class Calls : public testing::TestWithParam<std::string> {
 protected:
  Calls() : spec_(build()), flow_(spec_) { flow_.eval(); }

  static flow::Spec build() {
    const auto& a = models::architecture(GetParam());
    return a.build(a.tiny, convention());
  }

  struct Counted {
    int64_t forward, inverse;
  };
  Counted products(int64_t frames) {
    const torch::NoGradGuard no_grad;
    const auto condition = condition_of(flow_, torch::zeros({1, kBands, frames}));
    const torch::Tensor audio = torch::zeros({1, frames * kHop});
    torch::Tensor z;
    Counted counted{};
    counted.forward = work_of([&] { z = flow_.inference(audio, condition).z; }).products;
    counted.inverse = work_of([&] { flow_.inverse(z, condition); }).products;
    return counted;
  }

  flow::Spec spec_;
  flow::TorchFlow flow_;
};

TEST_P(Calls, AreAsManyAsItsFlagsSay) {
  const flow::Ways ways = flow::ways_of(spec_);
  // A step over rows takes a call for every row, so as many for any length.
  bool over_rows = false;
  for (const Json& step : spec_.steps) over_rows = over_rows || step.at("kind") == "row_coupling";
  const Counted once = products(2), twice = products(4);
  const auto expect = [&](bool parallel, int64_t fewer, int64_t more, int64_t other_way) {
    if (parallel || over_rows) {
      EXPECT_EQ(fewer, more);
    } else {
      EXPECT_GE(more, fewer + 2 * kHop);  // one a sample; beside them stands what is made once
    }
    if (!parallel) {
      EXPECT_GT(fewer, other_way);
    }
  };
  expect(ways.parallel_forward, once.forward, twice.forward, once.inverse);
  expect(ways.parallel_inverse, once.inverse, twice.inverse, once.forward);
}

INSTANTIATE_TEST_SUITE_P(Likelihood, Calls, testing::ValuesIn([] {
                           std::vector<std::string> names;
                           for (const auto& a : models::architectures()) names.push_back(a.name);
                           return names;
                         }()));

// The counting itself, on products of known size.
TEST(Work, IsCountedAsItRuns) {
  const torch::NoGradGuard no_grad;
  const auto x = torch::ones({2, 3, 10});
  const auto w = torch::ones({4, 3, 5});
  Work work = work_of([&] { torch::conv1d(x, w); });
  EXPECT_EQ(work.products, 1);
  EXPECT_EQ(work.multiply_adds, 2 * 4 * 6 * 15);
  work = work_of([&] { torch::conv_transpose1d(x, w.permute({1, 0, 2}), {}, 2); });
  EXPECT_EQ(work.multiply_adds, 2 * 3 * 10 * 4 * 5);
  work = work_of([&] { torch::matmul(torch::ones({6, 7}), torch::ones({7, 8})); });
  EXPECT_EQ(work.multiply_adds, 6 * 7 * 8);
  work = work_of([&] {
    torch::linear(torch::ones({6, 7}), torch::ones({8, 7}), torch::ones({8}));
  });
  EXPECT_EQ(work.multiply_adds, 6 * 7 * 8);
  work = work_of([&] { torch::matmul(torch::ones({5, 6, 7}), torch::ones({5, 7, 8})); });
  EXPECT_EQ(work.multiply_adds, 5 * 6 * 7 * 8);
  EXPECT_EQ(work_of([&] { x.sum(); }).products, 0);
}

}  // namespace
}  // namespace fluvox::likelihood
