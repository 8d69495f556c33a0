#include "net/conv2d.h"

#include <gtest/gtest.h>

#include "core/threads.h"
#include "net/net_runtime.h"
#include "net/weights.h"
#include "support/naive_nets.h"
#include "support/throws.h"

namespace fluvox::net {
namespace {

using support::MadeWeights;

RuntimeNetPtr build(const Conv2d& net, const MadeWeights& made) {
  Weights weights(made.tensors);
  return make_runtime_net(part_to_json("conv2d", net), "net", weights);
}

TEST(Conv2d, IsTheFormula) {
  struct Case {
    int rows, columns, inputs, outputs, channels, kernel;
    std::vector<int> dilations;
  };
  const std::vector<Case> cases = {
      {1, 1, 1, 1, 1, 1, {}},
      {1, 4, 3, 2, 5, 3, {1}},
      {5, 1, 2, 2, 4, 3, {2, 1}},
      {7, 6, 15, 2, 8, 3, {1, 2, 4}},
      {2, 3, 2, 3, 4, 5, {1, 2}},
      {40, 5, 3, 2, 6, 3, {1, 9, 1}},
      {71, 4, 2, 2, 7, 3, {1, 2, 1}},
      {100, 3, 1, 1, 17, 3, {1, 1}},
      {12, 33, 15, 2, 32, 3, {1, 2, 4, 1}},
      {66, 2, 2, 2, 3, 7, {1, 1, 1, 1, 1, 1}},
  };
  unsigned seed = 1;
  for (const Case& c : cases) {
    const Conv2d net = {c.inputs, c.outputs, c.channels, c.kernel, c.dilations};
    MadeWeights made(seed++);
    support::make_conv2d(net, made, "");
    const Grid x = support::random_grid(c.rows, c.columns * c.inputs, seed++);
    const std::vector<double> expected =
        support::to_grid(support::naive_conv2d(net, made, "", support::from_grid(x, c.inputs)));
    Threads one(1);
    const Grid found = build(net, made)->forward(x, nullptr, one);
    EXPECT_EQ(found.rows, c.rows);
    EXPECT_EQ(found.columns, c.columns * c.outputs);
    EXPECT_LT(support::difference(found.values, expected), 1e-5)
        << c.rows << " x " << c.columns << ", kernel " << c.kernel;
    for (int n : {2, 3}) {
      Threads threads(n);
      EXPECT_EQ(build(net, made)->forward(x, nullptr, threads).values, found.values)
          << n << " threads";
    }
  }
}

TEST(Conv2d, RowsDependOnThePastAlone) {
  const Conv2d net = {2, 2, 4, 3, {1, 2}};
  MadeWeights made(5);
  support::make_conv2d(net, made, "");
  Grid x = support::random_grid(90, 8, 6);
  Threads threads(2);
  const RuntimeNetPtr runtime = build(net, made);
  const Grid before = runtime->forward(x, nullptr, threads);
  for (int t = 50; t < 90; ++t) std::fill(x.row(t), x.row(t) + x.columns, 9.0f);
  const Grid after = runtime->forward(x, nullptr, threads);
  EXPECT_TRUE(std::equal(before.row(0), before.row(50), after.row(0)));
  EXPECT_FALSE(std::equal(before.row(50), before.row(51), after.row(50)));
}

TEST(Conv2d, RefusesWhatHasNoSamePadding) {
  MadeWeights made(7);
  for (const Conv2d& net :
       {Conv2d{1, 1, 1, 2, {1}}, Conv2d{1, 1, 1, 3, {0}}, Conv2d{1, 1, 1, 3, {1 << 20}}}) {
    const Error error = support::thrown_by([&] { build(net, made); });
    EXPECT_EQ(error.code(), "config-invalid") << error.what();
  }
}

TEST(Conv2d, NamesTheTensorThatIsMissing) {
  const Conv2d net = {2, 2, 4, 3, {1, 2}};
  MadeWeights made(8);
  support::make_conv2d(net, made, "steps.3.net.");
  made.tensors.erase("steps.3.net.layers.1.bias");
  Weights weights(made.tensors);
  Weights mine = weights.in("steps.3").in("net");
  const Error error =
      support::thrown_by([&] { make_runtime_net(part_to_json("conv2d", net), "net", mine); });
  EXPECT_NE(std::string(error.what()).find("steps.3.net.layers.1.bias"), std::string::npos)
      << error.what();
}

}  // namespace
}  // namespace fluvox::net
