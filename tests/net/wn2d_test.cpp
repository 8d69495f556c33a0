#include "net/wn2d.h"

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

MadeWeights weights_of(const Wn2d& net, unsigned seed) {
  MadeWeights made(seed);
  made.conv("start", net.channels, net.inputs, {1, 1});
  made.conv("cond_layer", 2 * net.channels * net.layers(), net.condition, {1, 1});
  for (int l = 0; l < net.layers(); ++l) {
    made.conv(text("in_layers.", l), 2 * net.channels, net.channels, {net.kernel, net.kernel});
    made.conv(text("res_skip_layers.", l), l + 1 < net.layers() ? 2 * net.channels : net.channels,
              net.channels, {1, 1});
  }
  made.conv("end", net.outputs, net.channels, {1, 1});
  return made;
}

// Dilated over both axes, causal over rows.
Naive dilated(const Naive& in, const MadeWeights& made, const std::string& name, int kernel,
              int over_rows, int over_columns) {
  const auto w = made[name + ".weight"], bias = made[name + ".bias"];
  Naive out(static_cast<int>(bias.size()), in.height, in.width);
  for (int o = 0; o < out.channels; ++o)
    for (int y = 0; y < in.height; ++y)
      for (int x = 0; x < in.width; ++x) {
        double sum = bias[static_cast<size_t>(o)];
        size_t tap = static_cast<size_t>(o * in.channels * kernel * kernel);
        for (int c = 0; c < in.channels; ++c)
          for (int i = 0; i < kernel; ++i)
            for (int j = 0; j < kernel; ++j, ++tap)
              sum += double{w[tap]} * in.at(c, y - (kernel - 1 - i) * over_rows,
                                            x + (j - kernel / 2) * over_columns);
        out.at(o, y, x) = sum;
      }
  return out;
}

Naive naive(const Wn2d& net, const MadeWeights& made, const Naive& in, const Naive& features) {
  const auto pointwise = [&](const Naive& x, const std::string& name) {
    return dilated(x, made, name, 1, 1, 1);
  };
  const int channels = net.channels;
  Naive h = pointwise(in, "start"), skip(channels, in.height, in.width);
  const Naive conditions = pointwise(features, "cond_layer");
  for (int l = 0; l < net.layers(); ++l) {
    const Naive a = dilated(h, made, text("in_layers.", l), net.kernel,
                            net.row_dilations[static_cast<size_t>(l)], 1 << l);
    Naive gate(channels, in.height, in.width);
    for (int c = 0; c < channels; ++c)
      for (int y = 0; y < in.height; ++y)
        for (int x = 0; x < in.width; ++x)
          gate.at(c, y, x) = std::tanh(a.at(c, y, x) + conditions.at(2 * channels * l + c, y, x)) /
                             (1 + std::exp(-a.at(channels + c, y, x) -
                                           conditions.at(2 * channels * l + channels + c, y, x)));
    const Naive r = pointwise(gate, text("res_skip_layers.", l));
    const bool last = l + 1 == net.layers();
    for (int c = 0; c < channels; ++c)
      for (int y = 0; y < in.height; ++y)
        for (int x = 0; x < in.width; ++x) {
          if (!last) h.at(c, y, x) += r.at(c, y, x);
          skip.at(c, y, x) += r.at(last ? c : channels + c, y, x);
        }
  }
  return pointwise(skip, "end");
}

RuntimeNetPtr build(const Wn2d& net, const MadeWeights& made) {
  Weights weights(made.tensors);
  RuntimeNetPtr runtime = make_runtime_net(part_to_json("wn2d", net), "net", weights);
  weights.refuse_leftovers();
  return runtime;
}

TEST(Wn2d, IsTheFormula) {
  struct Case {
    int rows, columns;
    Wn2d net;  // inputs, outputs, channels, kernel, row_dilations, condition
  };
  const std::vector<Case> cases = {
      {1, 1, {1, 2, 4, 1, {1}, 2}},      {5, 3, {1, 2, 8, 3, {1, 1, 1}, 6}},
      {9, 130, {2, 4, 5, 3, {1, 3}, 4}}, {16, 7, {1, 2, 17, 3, {1, 2, 4, 8}, 3}},
      {12, 20, {1, 2, 4, 5, {2, 1}, 1}},
  };
  unsigned seed = 11;
  for (const Case& c : cases) {
    const MadeWeights made = weights_of(c.net, seed);
    seed += 100;
    const Grid x = support::random_grid(c.rows, c.columns * c.net.inputs, seed++);
    const Grid features = support::random_grid(c.rows, c.columns * c.net.condition, seed++);
    const std::vector<double> expected =
        support::to_grid(naive(c.net, made, support::from_grid(x, c.net.inputs),
                               support::from_grid(features, c.net.condition)));
    Threads one(1);
    const RuntimeNetPtr net = build(c.net, made);
    const Grid found = net->forward(x, &features, one);
    EXPECT_EQ(found.columns, c.columns * c.net.outputs);
    EXPECT_LT(support::difference(found.values, expected), 1e-5) << c.rows << " x " << c.columns;
    Threads three(3);
    EXPECT_EQ(net->forward(x, &features, three).values, found.values);
  }
}

TEST(Wn2d, RefusesWhatCannotBe) {
  for (const Wn2d& net :
       {Wn2d{1, 2, 4, 2, {1}, 2}, Wn2d{1, 2, 4, 3, {}, 2}, Wn2d{1, 2, 4, 3, {1, 0}, 2}})
    EXPECT_EQ(support::thrown_by([&] { build(net, MadeWeights(1)); }).code(), "config-invalid");
}

}  // namespace
}  // namespace fluvox::net
