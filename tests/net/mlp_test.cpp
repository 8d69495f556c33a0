#include "net/mlp.h"

#include <gtest/gtest.h>

#include "core/threads.h"
#include "net/net_runtime.h"
#include "net/weights.h"
#include "support/naive_nets.h"
#include "support/throws.h"

namespace fluvox::net {
namespace {

using support::MadeWeights;
using Vector = std::vector<double>;

MadeWeights weights_of(const Mlp& net, unsigned seed) {
  MadeWeights made(seed);
  made.conv("first", net.channels, net.inputs, {});
  if (net.condition > 0) made.add("cond.weight", {net.channels, net.condition}, 0.5);
  for (int l = 1; l < net.layers; ++l)
    made.conv(text("layers.", l - 1), net.channels, net.channels, {});
  made.conv("last", net.outputs, net.channels, {});
  return made;
}

// counts(out, in): whether a weight counts
template <class Counts>
Vector times(const MadeWeights& made, const std::string& name, const Vector& x, Counts counts) {
  const auto w = made[name + ".weight"], bias = made[name + ".bias"];
  Vector y(bias.begin(), bias.end());
  for (size_t o = 0; o < y.size(); ++o)
    for (size_t i = 0; i < x.size(); ++i)
      if (counts(static_cast<int>(o), static_cast<int>(i))) y[o] += x[i] * w[o * x.size() + i];
  return y;
}

// With masks for `made_inputs` > 0.
Vector naive(const Mlp& net, const MadeWeights& made, const Vector& x, const Vector& features,
             int made_inputs) {
  const bool masked = made_inputs > 0;
  const auto degree = [&](int unit) { return unit % made_inputs - 1; };
  const auto relu = [](Vector v) {
    for (double& a : v) a = std::max(a, 0.0);
    return v;
  };
  Vector h = times(made, "first", x, [&](int o, int i) { return !masked || i <= degree(o); });
  if (net.condition > 0) {
    const auto w = made["cond.weight"];
    for (size_t o = 0; o < h.size(); ++o)
      for (size_t i = 0; i < features.size(); ++i) h[o] += features[i] * w[o * features.size() + i];
  }
  for (int l = 1; l < net.layers; ++l)
    h = times(made, text("layers.", l - 1), relu(h),
              [&](int o, int i) { return !masked || degree(i) <= degree(o); });
  return times(made, "last", relu(h),
               [&](int o, int i) { return !masked || degree(i) < o % made_inputs; });
}

void expect_formula(const RuntimeNet& net, const Mlp& sizes, const MadeWeights& made,
                    int made_inputs, unsigned seed) {
  const int rows = 130;
  const Grid x = support::random_grid(rows, sizes.inputs, seed);
  const Grid features = support::random_grid(rows, sizes.condition, seed + 1);
  Vector expected;
  for (int t = 0; t < rows; ++t) {
    const Vector out = naive(sizes, made, {x.row(t), x.row(t) + sizes.inputs},
                             {features.row(t), features.row(t) + sizes.condition}, made_inputs);
    expected.insert(expected.end(), out.begin(), out.end());
  }
  Threads one(1), three(3);
  const Grid found = net.forward(x, &features, one);
  EXPECT_LT(support::difference(found.values, expected), 1e-5);
  EXPECT_EQ(net.forward(x, &features, three).values, found.values);
}

TEST(Mlp, IsTheFormula) {
  unsigned seed = 1;
  for (const Mlp& net : {Mlp{1, 2, 4, 1, 3}, Mlp{3, 6, 17, 3, 5}, Mlp{2, 4, 8, 2, 0}}) {
    const MadeWeights made = weights_of(net, seed);
    Weights weights(made.tensors);
    const auto runtime = make_runtime_net(part_to_json("mlp", net), "net", weights);
    weights.refuse_leftovers();
    EXPECT_EQ(runtime->order(), Order::none);
    expect_formula(*runtime, net, made, 0, seed + 50);
    seed += 100;
  }
}

TEST(Made, IsTheFormula) {
  unsigned seed = 1;
  for (const Made& net : {Made{1, 4, 1, 3}, Made{2, 7, 2, 5}, Made{5, 23, 3, 0}}) {
    const MadeWeights made = weights_of(dense(net), seed);
    Weights weights(made.tensors);
    const auto runtime = make_runtime_net(part_to_json("made", net), "net", weights);
    EXPECT_EQ(runtime->order(), Order::channels);
    expect_formula(*runtime, dense(net), made, net.inputs, seed + 50);
    seed += 100;
  }
}

TEST(Made, AnOutputSeesEveryChannelBeforeAndNoOther) {
  const Made net = {4, 16, 2, 3};
  const MadeWeights made = weights_of(dense(net), 5);
  Weights weights(made.tensors);
  const auto runtime = make_runtime_net(part_to_json("made", net), "net", weights);
  Threads threads(1);
  // Many rows, so that no relu hides a way through.
  const Grid x = support::random_grid(200, 4, 6), features = support::random_grid(200, 3, 7);
  const Grid before = runtime->forward(x, &features, threads);
  for (int changed = 0; changed < 4; ++changed) {
    Grid other = x;
    for (int t = 0; t < x.rows; ++t) other.row(t)[changed] += 1;
    const Grid after = runtime->forward(other, &features, threads);
    for (int o = 0; o < 8; ++o) {
      bool differs = false;
      for (int t = 0; t < x.rows; ++t) differs |= before.row(t)[o] != after.row(t)[o];
      EXPECT_EQ(differs, changed < o % 4) << "output " << o << ", input " << changed;
    }
  }
  Grid silent = features;
  for (float& v : silent.values) v = 0;
  const Grid after = runtime->forward(x, &silent, threads);
  for (int o = 0; o < 8; ++o) {
    bool differs = false;
    for (int t = 0; t < x.rows; ++t) differs |= before.row(t)[o] != after.row(t)[o];
    EXPECT_TRUE(differs) << "output " << o << " sees the condition";
  }
}

TEST(Made, RefusesFewerUnitsThanInputs) {
  const Tensors none;
  Weights weights(none);
  EXPECT_EQ(support::thrown_by([&] {
              make_runtime(Made{4, 3, 1, 0}, weights);
            }).code(),
            "config-invalid");
}

}  // namespace
}  // namespace fluvox::net
