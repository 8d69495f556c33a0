#include "net/wn.h"

#include <gtest/gtest.h>

#include "core/threads.h"
#include "net/net_runtime.h"
#include "net/weights.h"
#include "support/naive_nets.h"
#include "support/throws.h"

namespace fluvox::net {
namespace {

using support::MadeWeights;

RuntimeNetPtr build(const Wn& net, const MadeWeights& made) {
  Weights weights(made.tensors);
  return make_runtime_net(part_to_json("wn", net), "net", weights);
}

TEST(Wn, IsTheFormula) {
  struct Case {
    int rows;
    Wn wn;  // inputs, outputs, channels, layers, kernel, condition
  };
  const std::vector<Case> cases = {
      {1, {1, 2, 4, 1, 3, 2}},     {5, {4, 8, 8, 3, 3, 10}},  {97, {2, 4, 5, 2, 3, 7}},
      {200, {3, 6, 16, 4, 3, 12}}, {192, {4, 8, 6, 2, 5, 3}}, {7, {2, 4, 3, 6, 3, 2}},
      {40, {2, 2, 3, 2, 1, 4}},    {3, {2, 4, 3, 24, 31, 2}},
  };
  unsigned seed = 11;
  for (const Case& c : cases) {
    MadeWeights made(seed);
    seed += 100;
    support::make_wn(c.wn, made, "");
    const Grid x = support::random_grid(c.rows, c.wn.inputs, seed++);
    const Grid features = support::random_grid(c.rows, c.wn.condition, seed++);
    const support::Naive expected =
        support::naive_wn(c.wn, made, "", support::from_series(x), support::from_series(features));
    Threads one(1);
    const Grid found = build(c.wn, made)->forward(x, &features, one);
    EXPECT_EQ(found.rows, c.rows);
    EXPECT_EQ(found.columns, c.wn.outputs);
    EXPECT_LT(support::difference(found.values, support::by_time(expected)), 1e-5)
        << c.rows << " rows, " << c.wn.layers << " layers";
    for (int n : {2, 3}) {
      Threads threads(n);
      EXPECT_EQ(build(c.wn, made)->forward(x, &features, threads).values, found.values)
          << n << " threads";
    }
  }
}

TEST(Wn, RefusesAnEvenKernel) {
  Wn wn;
  wn.kernel = 4;
  const Error error = support::thrown_by([&] { build(wn, MadeWeights(1)); });
  EXPECT_EQ(error.code(), "config-invalid");
  EXPECT_NE(std::string(error.what()).find("found 4"), std::string::npos) << error.what();
}

}  // namespace
}  // namespace fluvox::net
