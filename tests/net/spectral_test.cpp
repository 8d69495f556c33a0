#include "net/spectral.h"

#include <gtest/gtest.h>

#include <numbers>

#include "core/threads.h"
#include "net/net_runtime.h"
#include "net/weights.h"
#include "support/naive_nets.h"
#include "support/throws.h"

namespace fluvox::net {
namespace {

using support::MadeWeights;
using support::Naive;

Spectral small(int bands, int bins) {
  Spectral net;
  net.bands = bands;
  net.bins = bins;
  net.hidden = 9;
  net.width = 7;
  net.learned = 3;
  for (int b = 0; b < bands; ++b) {
    net.band_centres.push_back(100 + 70 * b * b);
    net.band_log_sums.push_back(-3 - 0.1 * b);
  }
  return net;
}

MadeWeights weights_of(const Spectral& net, unsigned seed) {
  MadeWeights made(seed);
  made.conv("scale_in", net.hidden, 2 * net.bands, {3});
  made.conv("scale_out", net.bins, net.hidden, {1});
  made.conv("map_in", net.width, 2 * net.bands, {3});
  made.conv("map_mid", net.width, net.width, {1});
  made.conv("map_out", net.learned * net.bins, net.width, {1});
  return made;
}

Naive gelu(Naive x) {
  for (double& v : x.values) v *= 0.5 * std::erfc(-v / std::numbers::sqrt2);  // x Phi(x)
  return x;
}

struct Expected {
  std::vector<double> features, log_scale;
};

// mel [F]; outside of it its first or last frame
Expected naive(const Spectral& net, const MadeWeights& made, const Grid& mel) {
  const int frames = mel.rows;
  const auto level = [&](int t, int band) {
    return double{mel.row(std::clamp(t, 0, frames - 1))[band]};
  };
  Naive pairs(2 * net.bands, 1, frames + 2);  // pair t - 1 at t
  for (int t = 0; t < frames + 2; ++t)
    for (int b = 0; b < net.bands; ++b) {
      pairs.at(b, 0, t) = (level(t - 1, b) + 5) / 2.5;
      pairs.at(net.bands + b, 0, t) = (level(t, b) + 5) / 2.5;
    }
  const auto pointwise = [&](const Naive& x, const char* name) {
    return support::naive_conv(x, made, name, 1, 1, 1, 0, 0);
  };
  const auto over_three = [&](const char* name) {  // position t sees pairs t - 1, t, t + 1
    return gelu(support::naive_conv(pairs, made, name, 1, 3, 1, 0, 0));
  };
  const Naive o = pointwise(over_three("scale_in"), "scale_out");
  const Naive maps = pointwise(gelu(pointwise(over_three("map_in"), "map_mid")), "map_out");
  Expected expected;
  for (int t = 0; t < frames; ++t)
    for (int k = 0; k < net.bins; ++k) {
      const double f = (k + 0.5) / net.bins, hertz = f * net.rate / 2;
      const auto band_level = [&](int b) {
        return 0.5 * (level(t, b) + level(t + 1, b)) - net.band_log_sums[static_cast<size_t>(b)];
      };
      double envelope = band_level(0);
      if (hertz >= net.band_centres.back()) envelope = band_level(net.bands - 1);
      for (int b = 0; b + 1 < net.bands; ++b) {
        const double low = net.band_centres[static_cast<size_t>(b)];
        const double high = net.band_centres[static_cast<size_t>(b) + 1];
        if (hertz >= low && hertz < high)
          envelope =
              band_level(b) + (band_level(b + 1) - band_level(b)) * (hertz - low) / (high - low);
      }
      envelope -= std::log(17.4);
      expected.log_scale.push_back(envelope + 2 * std::tanh(o.at(k, 0, t) / 2));
      for (int m = 0; m < net.learned; ++m)
        expected.features.push_back(maps.at(m * net.bins + k, 0, t));
      expected.features.push_back((envelope + 5) / 2.5);
      expected.features.push_back(2 * f - 1);
      expected.features.push_back(std::cos(3 * std::numbers::pi * f));
    }
  return expected;
}

TEST(Spectral, IsTheFormula) {
  unsigned seed = 1;
  for (int frames : {1, 2, 3, 40, 65}) {
    const Spectral net = small(frames % 2 ? 6 : 13, 16);
    const MadeWeights made = weights_of(net, seed);
    seed += 20;
    Weights weights(made.tensors);
    const auto runtime =
        make_runtime_conditioner(part_to_json("spectral", net), "conditioner", weights);
    weights.refuse_leftovers();
    Grid mel = support::random_grid(frames, net.bands, seed++);
    for (float& v : mel.values) v = 2 * v - 5;
    Threads one(1), three(3);
    const RuntimeCondition found = runtime->forward(with_margins(mel, runtime->margins()), one);
    const Expected expected = naive(net, made, mel);
    EXPECT_EQ(found.features.rows, frames);
    EXPECT_EQ(found.features.columns, net.bins * runtime->shape().channels);
    EXPECT_LT(support::difference(found.features.values, expected.features), 1e-5)
        << frames << " frames";
    EXPECT_LT(support::difference(found.log_scale.values, expected.log_scale), 1e-5)
        << frames << " frames";
    const RuntimeCondition shared = runtime->forward(with_margins(mel, runtime->margins()), three);
    EXPECT_EQ(shared.features.values, found.features.values);
    EXPECT_EQ(shared.log_scale.values, found.log_scale.values);
  }
}

TEST(Spectral, RefusesBandsThatDoNotRise) {
  Spectral net = small(4, 8);
  std::swap(net.band_centres[1], net.band_centres[2]);
  const MadeWeights made = weights_of(net, 2);
  Weights weights(made.tensors);
  EXPECT_EQ(support::thrown_by([&] { make_runtime(net, weights); }).code(), "config-invalid");
}

}  // namespace
}  // namespace fluvox::net
