#include "net/wn.h"

#include <gtest/gtest.h>

#include "core/threads.h"
#include "net/net_runtime.h"
#include "net/weights.h"
#include "net/window.h"
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
      {1, {1, 2, 4, 1, 3, 2}},     {5, {4, 8, 8, 3, 3, 10}},    {97, {2, 4, 5, 2, 3, 7}},
      {200, {3, 6, 16, 4, 3, 12}}, {192, {4, 8, 6, 2, 5, 3}},   {7, {2, 4, 3, 6, 3, 2}},
      {40, {2, 2, 3, 2, 1, 4}},    {3, {2, 4, 3, 24, 31, 2}},   {30, {2, 4, 128, 3, 3, 5}},
      {400, {1, 2, 64, 2, 3, 3}},  {390, {2, 2, 192, 2, 3, 1}},
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

// Few rows and many go different ways, and the threads share a layer by rows or by channels.
TEST(Wn, PiecesAndThreadsChangeNoBit) {
  const Wn wn = {2, 4, 192, 4, 3, 5};
  MadeWeights made(3);
  support::make_wn(wn, made, "");
  const int rows = 900;
  const Grid x = support::random_grid(rows, wn.inputs, 4);
  const Grid features = support::random_grid(rows, wn.condition, 5);
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    Weights weights = Weights(made.tensors).multiplied_in(precision);
    const RuntimeNetPtr net = make_runtime_net(part_to_json("wn", wn), "net", weights);
    Threads one(1);
    const Grid whole = net->forward(x, &features, one);
    for (const int count : {1, 2, 5})
      for (const int piece : {7, 96, 385, 500}) {
        Threads threads(count);
        const NetStreamPtr stream = net->stream();
        Window window(wn.condition);
        std::vector<float> found;
        for (int at = 0; at < rows; at += piece) {
          const int end = std::min(rows, at + piece);
          Grid part(end - at, wn.inputs), beside(end - at, wn.condition);
          std::copy_n(x.row(at), part.values.size(), part.values.begin());
          std::copy_n(features.row(at), beside.values.size(), beside.values.begin());
          window.append(beside);
          const Grid out = stream->push(part, &window, end == rows, threads);
          found.insert(found.end(), out.values.begin(), out.values.end());
          window.forget(stream->done());
        }
        EXPECT_EQ(found, whole.values) << count << " threads, pieces of " << piece;
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
