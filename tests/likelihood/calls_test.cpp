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
  const Counted once = products(4), twice = products(8);
  EXPECT_EQ(ways.parallel_forward, once.forward == twice.forward);
  EXPECT_EQ(ways.parallel_inverse, once.inverse == twice.inverse);
  // A serial direction calls its nets once a sample; beside them stands what is made once.
  const int64_t more = 4 * kHop;
  if (!ways.parallel_forward) EXPECT_GE(twice.forward, once.forward + more);
  if (!ways.parallel_inverse) EXPECT_GE(twice.inverse, once.inverse + more);
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
