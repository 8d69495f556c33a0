#include "net/causal_wn.h"

#include <gtest/gtest.h>

#include "core/threads.h"
#include "net/net_runtime.h"
#include "net/weights.h"
#include "support/naive_nets.h"
#include "support/throws.h"

namespace fluvox::net {
namespace {

using support::MadeWeights;
using support::Naive;

MadeWeights weights_of(const CausalWn& net, unsigned seed) {
  MadeWeights made(seed);
  made.conv("front", net.channels, net.inputs, {net.front});
  if (net.condition > 0) made.conv("cond_layer", 2 * net.channels * net.layers, net.condition, {1});
  for (int l = 0; l < net.layers; ++l) {
    made.conv(text("in_layers.", l), 2 * net.channels, net.channels, {net.kernel});
    made.conv(text("res_skip_layers.", l), l + 1 < net.layers ? 2 * net.channels : net.channels,
              net.channels, {1});
  }
  made.conv("mid", net.channels, net.channels, {1});
  made.conv("end", net.outputs, net.channels, {1});
  return made;
}

Naive relu(Naive a) {
  for (double& v : a.values) v = std::max(v, 0.0);
  return a;
}

// x[t] <- x[t - 1]
Naive moved_by_one(const Naive& x) {
  Naive y(x.channels, 1, x.width);
  for (int c = 0; c < x.channels; ++c)
    for (int t = 0; t < x.width; ++t) y.at(c, 0, t) = std::as_const(x).at(c, 0, t - 1);
  return y;
}

Naive naive(const CausalWn& net, const MadeWeights& made, const Naive& x, const Naive& features) {
  const auto causal = [&](const Naive& in, const std::string& name, int kernel, int d) {
    const int back = net.causal ? d * (kernel - 1) : d * (kernel - 1) / 2;
    return support::naive_conv(in, made, name, 1, kernel, d, 0, back);
  };
  const int channels = net.channels;
  Naive h = relu(causal(net.causal ? moved_by_one(x) : x, "front", net.front, 1));
  Naive skip(channels, 1, x.width);
  Naive conditions(2 * channels * net.layers, 1, x.width);
  if (net.condition > 0) conditions = causal(features, "cond_layer", 1, 1);
  for (int l = 0; l < net.layers; ++l) {
    const Naive a = causal(h, text("in_layers.", l), net.kernel, 1 << (l % net.cycle));
    Naive gate(channels, 1, x.width);
    for (int c = 0; c < channels; ++c)
      for (int t = 0; t < x.width; ++t)
        gate.at(c, 0, t) = std::tanh(a.at(c, 0, t) + conditions.at(2 * channels * l + c, 0, t)) /
                           (1 + std::exp(-a.at(channels + c, 0, t) -
                                         conditions.at(2 * channels * l + channels + c, 0, t)));
    const Naive r = causal(gate, text("res_skip_layers.", l), 1, 1);
    const bool last = l + 1 == net.layers;
    for (int c = 0; c < channels; ++c)
      for (int t = 0; t < x.width; ++t) {
        if (!last) h.at(c, 0, t) = (h.at(c, 0, t) + r.at(c, 0, t)) / std::sqrt(2.0);
        skip.at(c, 0, t) += r.at(last ? c : channels + c, 0, t);
      }
  }
  return causal(relu(causal(relu(skip), "mid", 1, 1)), "end", 1, 1);
}

RuntimeNetPtr build(const CausalWn& net, const MadeWeights& made) {
  Weights weights(made.tensors);
  RuntimeNetPtr runtime = make_runtime_net(part_to_json("causal_wn", net), "net", weights);
  weights.refuse_leftovers();
  return runtime;
}

// Place by place, as sampling does it.
std::vector<float> one_by_one(const RuntimeNet& net, const Grid& x, const Grid& features) {
  Threads threads(1);
  const auto serial = net.serial(1);
  const std::vector<float> nothing(static_cast<size_t>(x.columns));
  Grid out(x.rows, net.shape().outputs);
  for (int t = 0; t < x.rows; ++t)
    serial->next(t > 0 ? x.row(t - 1) : nothing.data(), features.row(t), out.row(t), threads);
  return out.values;
}

TEST(CausalWn, IsTheFormulaAtOnceAndSampleBySample) {
  struct Case {
    int rows;
    CausalWn net;  // inputs, outputs, channels, layers, cycle, kernel, front, condition, causal
  };
  const std::vector<Case> cases = {
      {1, {1, 2, 4, 1, 10, 3, 4, 2}},          {5, {2, 4, 8, 3, 2, 3, 1, 10}},
      {97, {1, 2, 5, 2, 10, 2, 7, 3}},         {200, {3, 6, 17, 6, 4, 3, 32, 12}},
      {60, {1, 2, 3, 8, 20, 3, 2, 1}},         {60, {2, 4, 3, 8, 20, 3, 5, 1, false}},
      {130, {1, 2, 4, 2, 10, 5, 1, 3, false}}, {40, {1, 2, 4, 2, 1, 1, 3, 0}},
  };
  unsigned seed = 11;
  for (const Case& c : cases) {
    const MadeWeights made = weights_of(c.net, seed);
    seed += 100;
    const Grid x = support::random_grid(c.rows, c.net.inputs, seed++);
    const Grid features = support::random_grid(c.rows, c.net.condition, seed++);
    const Naive expected =
        naive(c.net, made, support::from_series(x), support::from_series(features));
    Threads one(1);
    const RuntimeNetPtr net = build(c.net, made);
    const Grid found = net->forward(x, &features, one);
    EXPECT_LT(support::difference(found.values, support::by_time(expected)), 1e-5)
        << c.rows << " rows";
    for (int n : {2, 3}) {
      Threads threads(n);
      EXPECT_EQ(net->forward(x, &features, threads).values, found.values);
    }
    EXPECT_EQ(net->order(), c.net.causal ? Order::time : Order::none);
    if (c.net.causal) {
      EXPECT_EQ(one_by_one(*net, x, features), found.values) << c.rows << " rows";
    }
  }
}

TEST(CausalWn, SeesThePastAlone) {
  const CausalWn net = {.inputs = 1,
                        .outputs = 2,
                        .channels = 6,
                        .layers = 4,
                        .cycle = 2,
                        .kernel = 3,
                        .front = 4,
                        .condition = 2};
  const RuntimeNetPtr runtime = build(net, weights_of(net, 3));
  Threads threads(1);
  Grid x = support::random_grid(80, 1, 4);
  const Grid features = support::random_grid(80, 2, 5);
  const Grid before = runtime->forward(x, &features, threads);
  x.row(40)[0] += 1;
  const Grid after = runtime->forward(x, &features, threads);
  EXPECT_TRUE(std::equal(before.row(0), before.row(41), after.row(0)));
  const auto seen_until = 40 + static_cast<int>(reach(net));
  EXPECT_EQ(reach(net), 4 + 2 * (1 + 2 + 1 + 2));
  EXPECT_FALSE(std::equal(before.row(41), before.row(42), after.row(41)));
  EXPECT_FALSE(
      std::equal(before.row(seen_until), before.row(seen_until + 1), after.row(seen_until)));
  EXPECT_TRUE(
      std::equal(before.row(seen_until + 1), before.row(79) + 2, after.row(seen_until + 1)));
}

TEST(CausalWn, RefusesEvenTapsThatNothingCentres) {
  const CausalWn net = {1, 2, 4, 1, 10, 3, 4, 2, false};
  EXPECT_EQ(support::thrown_by([&] { build(net, weights_of(net, 1)); }).code(), "config-invalid");
}

}  // namespace
}  // namespace fluvox::net
