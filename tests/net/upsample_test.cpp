#include "net/upsample.h"

#include <gtest/gtest.h>

#include "core/threads.h"
#include "net/net_runtime.h"
#include "net/weights.h"
#include "support/made_weights.h"
#include "support/throws.h"

namespace fluvox::net {
namespace {

using support::MadeWeights;

MadeWeights weights_of(const Upsample& net, unsigned seed) {
  MadeWeights made(seed);
  made.add("weight", {net.bands, net.bands, net.kernel}, 0.5);
  made.add("bias", {net.bands}, 0.5);
  return made;
}

// Every frame adds its kernel to what it reaches; the first hop F samples are kept and unfolded.
std::vector<double> naive(const Upsample& net, const MadeWeights& made, const Grid& mel) {
  const std::vector<float> weight = made["weight"], bias = made["bias"];
  const int samples = mel.rows * net.hop, groups = samples / net.group;
  std::vector<double> features(static_cast<size_t>(samples) * net.bands);
  for (int o = 0; o < net.bands; ++o) {
    std::vector<double> up(static_cast<size_t>(samples), bias[static_cast<size_t>(o)]);
    for (int f = 0; f < mel.rows; ++f)
      for (int i = 0; i < net.bands; ++i)
        for (int k = 0; k < net.kernel; ++k)
          if (f * net.hop + k < samples)
            up[static_cast<size_t>(f * net.hop + k)] +=
                double{mel.row(f)[i]} *
                weight[static_cast<size_t>((i * net.bands + o) * net.kernel + k)];
    for (int t = 0; t < groups; ++t)
      for (int j = 0; j < net.group; ++j)
        features[static_cast<size_t>((t * net.bands + o) * net.group + j)] =
            up[static_cast<size_t>(t * net.group + j)];
  }
  return features;
}

TEST(Upsample, IsTheFormula) {
  const std::vector<Upsample> nets = {
      {3, 16, 4, 2}, {2, 8, 8, 8}, {5, 24, 8, 4}, {1, 4, 1, 1}, {80, 64, 16, 8}};
  unsigned seed = 1;
  for (const Upsample& net : nets)
    for (int frames : {1, 2, 7}) {
      const MadeWeights made = weights_of(net, seed++);
      Weights weights(made.tensors);
      const auto runtime =
          make_runtime_conditioner(part_to_json("upsample", net), "conditioner", weights);
      weights.refuse_leftovers();
      const Grid mel = support::random_grid(frames, net.bands, seed++);
      Threads one(1), three(3);
      const RuntimeCondition found = runtime->forward(with_margins(mel, runtime->margins()), one);
      EXPECT_EQ(found.features.rows, frames * net.hop / net.group);
      EXPECT_EQ(found.features.columns, runtime->shape().channels);
      EXPECT_LT(support::difference(found.features.values, naive(net, made, mel)), 1e-5);
      EXPECT_EQ(runtime->forward(with_margins(mel, runtime->margins()), three).features.values,
                found.features.values);
    }
}

TEST(Upsample, RefusesSizesThatDoNotDivide) {
  for (const Upsample& net : {Upsample{2, 10, 4, 2}, Upsample{2, 8, 4, 3}}) {
    const MadeWeights made = weights_of(net, 3);
    Weights weights(made.tensors);
    EXPECT_EQ(support::thrown_by([&] { make_runtime(net, weights); }).code(), "config-invalid");
  }
}

}  // namespace
}  // namespace fluvox::net
