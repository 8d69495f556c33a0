#include "net/separable.h"

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

MadeWeights weights_of(const Separable& net, unsigned seed) {
  MadeWeights made(seed);
  made.conv("start", net.channels, net.inputs, {1});
  made.conv("cond_layer", 2 * net.channels * net.layers, net.condition, {1});
  for (int l = 0; l < net.layers; ++l) {
    const std::string in = text("in_layers.", l, ".");
    made.add(in + "norm.weight", {net.channels}, 1);
    made.add(in + "norm.bias", {net.channels}, 1);
    made.add(in + "norm.running_mean", {net.channels}, 1);
    std::vector<float> variance =
        support::random_values(static_cast<size_t>(net.channels), 1, seed + 7);
    for (float& v : variance) v = 0.3f + v * v;
    made.set(in + "norm.running_var", {net.channels}, variance);
    made.conv(in + "depthwise", net.channels, 1, {net.kernel});
    made.conv(in + "pointwise", 2 * net.channels, net.channels, {1});
    made.conv(text("res_layers.", l), net.channels, net.channels, {1});
  }
  made.conv("end", net.outputs, net.channels, {1});
  return made;
}

Naive naive_norm(const Naive& h, const MadeWeights& made, const std::string& name) {
  const auto weight = made[name + ".weight"], bias = made[name + ".bias"],
             mean = made[name + ".running_mean"], variance = made[name + ".running_var"];
  Naive n = h;
  for (int c = 0; c < h.channels; ++c)
    for (int t = 0; t < h.width; ++t) {
      const auto i = static_cast<size_t>(c);
      n.at(c, 0, t) =
          (h.at(c, 0, t) - mean[i]) / std::sqrt(variance[i] + 1e-5) * weight[i] + bias[i];
    }
  return n;
}

Naive naive(const Separable& net, const MadeWeights& made, const Naive& x, const Naive& features) {
  const auto pointwise = [&](const Naive& in, const std::string& name) {
    return support::naive_conv(in, made, name, 1, 1, 1, 0, 0);
  };
  const int channels = net.channels;
  Naive h = pointwise(x, "start");
  const Naive conditions = pointwise(features, "cond_layer");
  for (int l = 0; l < net.layers; ++l) {
    const std::string in = text("in_layers.", l, ".");
    const Naive n = naive_norm(h, made, in + "norm");
    const auto w = made[in + "depthwise.weight"], bias = made[in + "depthwise.bias"];
    Naive d(channels, 1, x.width);
    for (int c = 0; c < channels; ++c)
      for (int t = 0; t < x.width; ++t) {
        d.at(c, 0, t) = bias[static_cast<size_t>(c)];
        for (int k = 0; k < net.kernel; ++k)
          d.at(c, 0, t) += w[static_cast<size_t>(c * net.kernel + k)] *
                           std::as_const(n).at(c, 0, t + k - net.kernel / 2);
      }
    const Naive a = pointwise(d, in + "pointwise");
    Naive gate(channels, 1, x.width);
    for (int c = 0; c < channels; ++c)
      for (int t = 0; t < x.width; ++t)
        gate.at(c, 0, t) = std::tanh(a.at(c, 0, t) + conditions.at(2 * channels * l + c, 0, t)) /
                           (1 + std::exp(-a.at(channels + c, 0, t) -
                                         conditions.at(2 * channels * l + channels + c, 0, t)));
    const Naive r = pointwise(gate, text("res_layers.", l));
    for (size_t i = 0; i < h.values.size(); ++i) h.values[i] += r.values[i];
  }
  return pointwise(h, "end");
}

RuntimeNetPtr build(const Separable& net, const MadeWeights& made) {
  Weights weights(made.tensors);
  RuntimeNetPtr runtime = make_runtime_net(part_to_json("separable", net), "net", weights);
  weights.refuse_leftovers();
  return runtime;
}

TEST(Separable, IsTheFormula) {
  struct Case {
    int rows;
    Separable net;  // inputs, outputs, channels, layers, kernel, condition
  };
  const std::vector<Case> cases = {{1, {1, 2, 4, 1, 3, 2}},
                                   {2, {4, 8, 8, 3, 5, 10}},
                                   {97, {2, 4, 5, 2, 3, 7}},
                                   {200, {3, 6, 17, 4, 3, 12}},
                                   {9, {2, 2, 3, 2, 1, 4}}};
  unsigned seed = 11;
  for (const Case& c : cases) {
    const MadeWeights made = weights_of(c.net, seed);
    seed += 100;
    const Grid x = support::random_grid(c.rows, c.net.inputs, seed++);
    const Grid features = support::random_grid(c.rows, c.net.condition, seed++);
    const Naive expected =
        naive(c.net, made, support::from_series(x), support::from_series(features));
    Threads one(1);
    const Grid found = build(c.net, made)->forward(x, &features, one);
    EXPECT_EQ(found.rows, c.rows);
    EXPECT_EQ(found.columns, c.net.outputs);
    EXPECT_LT(support::difference(found.values, support::by_time(expected)), 1e-5)
        << c.rows << " rows";
    for (int n : {2, 3}) {
      Threads threads(n);
      EXPECT_EQ(build(c.net, made)->forward(x, &features, threads).values, found.values);
    }
  }
}

TEST(Separable, RefusesWhatCannotBe) {
  EXPECT_EQ(support::thrown_by([&] {
              build({1, 2, 4, 1, 4, 2}, MadeWeights(1));
            }).code(),
            "config-invalid");
  const Separable net = {1, 2, 3, 1, 3, 2};
  MadeWeights made = weights_of(net, 5);
  made.set("in_layers.0.norm.running_var", {3}, {1, -0.5f, 1});
  const Error error = support::thrown_by([&] { build(net, made); });
  EXPECT_EQ(error.code(), "weights-negative");
  EXPECT_NE(std::string(error.what()).find("in_layers.0.norm.running_var"), std::string::npos);
}

}  // namespace
}  // namespace fluvox::net
