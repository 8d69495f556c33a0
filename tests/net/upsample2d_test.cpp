#include "net/upsample2d.h"

#include <gtest/gtest.h>

#include "core/threads.h"
#include "net/net_runtime.h"
#include "net/weights.h"
#include "support/made_weights.h"
#include "support/throws.h"

namespace fluvox::net {
namespace {

using support::MadeWeights;
using Picture = std::vector<std::vector<double>>;  // [position][band]

// Every position adds its kernel to what it reaches; then the border of half a stride is cut off
// and what is negative shrinks.
Picture naive_layer(const Picture& in, const MadeWeights& made, const std::string& name,
                    int stride) {
  const auto w = made[name + ".weight"];
  const auto bands = static_cast<int>(in[0].size());
  Picture out((in.size() + 1) * static_cast<size_t>(stride),
              std::vector<double>(in[0].size(), made[name + ".bias"][0]));
  for (size_t j = 0; j < in.size(); ++j)
    for (int k = 0; k < 2 * stride; ++k)
      for (int i = 0; i < 3; ++i)
        for (int from = 0; from < bands; ++from) {
          const int b = from + i - 1;
          if (b >= 0 && b < bands)
            out[j * static_cast<size_t>(stride) + static_cast<size_t>(k)][static_cast<size_t>(b)] +=
                in[j][static_cast<size_t>(from)] * w[static_cast<size_t>(i * 2 * stride + k)];
        }
  out.erase(out.begin(), out.begin() + stride / 2);
  out.resize(in.size() * static_cast<size_t>(stride));
  for (auto& row : out)
    for (double& v : row)
      if (v < 0) v *= 0.4;
  return out;
}

std::vector<double> naive(const Upsample2d& net, const MadeWeights& made, const Grid& mel) {
  // With many frames beyond both ends, cut off afterwards: so no border matters.
  constexpr int kBeyond = 3;
  Picture picture;
  for (int f = -kBeyond; f < mel.rows + kBeyond; ++f) {
    const float* row = mel.row(std::clamp(f, 0, mel.rows - 1));
    picture.emplace_back(row, row + mel.columns);
  }
  picture = naive_layer(picture, made, "layers.0", net.strides[0]);
  picture = naive_layer(picture, made, "layers.1", net.strides[1]);
  std::vector<double> features;
  for (int t = 0; t < mel.rows * net.hop() / net.group; ++t)
    for (int b = 0; b < net.bands; ++b)
      for (int j = 0; j < net.group; ++j)
        features.push_back(picture[static_cast<size_t>(kBeyond * net.hop() + t * net.group + j)]
                                  [static_cast<size_t>(b)]);
  return features;
}

TEST(Upsample2d, IsTheFormula) {
  unsigned seed = 1;
  const std::vector<Upsample2d> nets = {
      {4, {4, 3}, 2}, {1, {2, 2}, 4}, {5, {7, 1}, 1}, {3, {3, 5}, 5}, {80, {16, 16}, 16}};
  for (const Upsample2d& net : nets)
    for (int frames : {1, 2, 7}) {
      MadeWeights made(seed);
      for (int i : {0, 1})
        made.conv(text("layers.", i), 1, 1, {3, 2 * net.strides[static_cast<size_t>(i)]}, 3);
      Weights weights(made.tensors);
      const auto runtime =
          make_runtime_conditioner(part_to_json("upsample2d", net), "conditioner", weights);
      weights.refuse_leftovers();
      const Grid mel = support::random_grid(frames, net.bands, seed + 20);
      seed += 50;
      Threads one(1), three(3);
      const RuntimeCondition found = runtime->forward(with_margins(mel, runtime->margins()), one);
      EXPECT_EQ(found.features.columns, runtime->shape().channels);
      EXPECT_LT(support::difference(found.features.values, naive(net, made, mel)), 1e-5)
          << net.strides[0] << " x " << net.strides[1] << ", " << frames << " frames";
      EXPECT_EQ(runtime->forward(with_margins(mel, runtime->margins()), three).features.values,
                found.features.values);
    }
}

TEST(Upsample2d, SplitsAHopIntoTwoStrides) {
  EXPECT_EQ(strides_of(256), (std::vector<int>{16, 16}));
  EXPECT_EQ(strides_of(300), (std::vector<int>{20, 15}));
  EXPECT_EQ(strides_of(512), (std::vector<int>{32, 16}));
  EXPECT_EQ(strides_of(7), (std::vector<int>{7, 1}));
}

TEST(Upsample2d, RefusesStridesThatCannotBe) {
  const Tensors none;
  for (const Upsample2d& net :
       {Upsample2d{2, {4}, 1}, Upsample2d{2, {1, 4}, 1}, Upsample2d{2, {4, 4}, 3}}) {
    Weights weights(none);
    EXPECT_EQ(support::thrown_by([&] { make_runtime(net, weights); }).code(), "config-invalid");
  }
}

}  // namespace
}  // namespace fluvox::net
