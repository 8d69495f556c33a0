// The CPU's twin of the WN layer against a directional derivative of itself: that the recipe of
// wn_layer_backward.h gives the gradient.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernels/mma_outer.h"
#include "kernels/mma_product.h"
#include "kernels/wn_layer_backward.h"

namespace fluvox::kernels {
namespace {

using Floats = std::vector<float>;

constexpr int kRows = 7, kChannels = 16, kOutputs = 4, kCondition = 4, kDilation = 2;
constexpr int kColumns = kChannels + kOutputs, kIn = 3 * kChannels + kCondition;
constexpr float kScale = 0.8f;
const Span kSpan = {0, kRows, 0, kRows};

Floats random_numbers(int count, unsigned seed, float deviation) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> distribution(0, deviation);
  Floats values(static_cast<std::size_t>(count));
  for (float& v : values) v = distribution(engine);
  return values;
}

struct Parameters {
  Floats h = random_numbers(kRows * kChannels, 1, 1);
  Floats features = random_numbers(kRows * kCondition, 2, 1);
  Floats in = random_numbers(kIn * 2 * kChannels, 3, 0.15f);
  Floats in_bias = random_numbers(2 * kChannels, 4, 0.3f);
  Floats after = random_numbers(kChannels * kColumns, 5, 0.25f);
  Floats after_bias = random_numbers(kColumns, 6, 0.3f);

  std::vector<Floats*> all() { return {&h, &features, &in, &in_bias, &after, &after_bias}; }
  WnWeights weights() const { return {in.data(), in_bias.data(), after.data(), after_bias.data()}; }
};

WnLayer<float> layer_of(const Parameters& p) {
  WnLayer<float> layer{};
  layer.channels = layer.residual = kChannels;
  layer.outputs = kOutputs;
  layer.scale = kScale;
  for (const int offset : {-kDilation, 0, kDilation})
    layer.segments.add(p.h.data(), kChannels, kChannels, offset);
  layer.segments.add(p.features.data(), kCondition, kCondition);
  return layer;
}

// The loss is the sum of h_next and out, each with a weight of its own.
const Floats kByNext = random_numbers(kRows * kChannels, 7, 1);
const Floats kByOut = random_numbers(kRows * kOutputs, 8, 1);

double loss(const Parameters& p) {
  Floats h_next(p.h.size()), x_next(p.h.size()), out(kRows * kOutputs);
  WnLayer<float> layer = layer_of(p);
  layer.h = p.h.data();
  layer.h_next = h_next.data();
  layer.x_next = x_next.data();
  layer.out = out.data();
  layer.h_stride = layer.h_next_stride = layer.x_next_stride = kChannels;
  layer.out_stride = kOutputs;
  wn_layer_cpu(layer, p.weights(), &kSpan, 1);
  double sum = 0;
  for (std::size_t i = 0; i < h_next.size(); ++i) sum += double{h_next[i]} * kByNext[i];
  for (std::size_t i = 0; i < out.size(); ++i) sum += double{out[i]} * kByOut[i];
  return sum;
}

// in_s^T of segments [from, to) of `inputs` inputs each: [2 channels of each][inputs]
Floats transposed_in(const Parameters& p, int first_input, int inputs) {
  Floats w;
  for (int o = 0; o < 2 * kChannels; ++o)
    for (int i = 0; i < inputs; ++i)
      w.push_back(p.in[static_cast<std::size_t>((first_input + i) * 2 * kChannels + o)]);
  return w;
}

// By the recipe, in the order of Parameters::all().
std::vector<Floats> gradients(const Parameters& p) {
  Floats dr;
  for (std::size_t t = 0; t < kRows; ++t) {
    for (std::size_t c = 0; c < kChannels; ++c) dr.push_back(kScale * kByNext[t * kChannels + c]);
    for (std::size_t e = 0; e < kOutputs; ++e) dr.push_back(kByOut[t * kOutputs + e]);
  }
  Floats da(kRows * 2 * kChannels), g(kRows * kChannels);
  const WnLayer<float> layer = layer_of(p);
  wn_layer_backward_cpu<float>(layer, p.weights(),
                               {dr.data(), kColumns, da.data(), 2 * kChannels, g.data(), kChannels},
                               &kSpan, 1);
  Floats by_h(p.h.size()), by_features(p.features.size());
  MmaProduct<float> product;
  product.outputs = kChannels;
  Floats taps;
  for (int s = 0; s < 3; ++s) {
    product.segments.add(da.data(), 2 * kChannels, 2 * kChannels, -layer.segments.at[s].offset);
    const Floats tap = transposed_in(p, s * kChannels, kChannels);
    taps.insert(taps.end(), tap.begin(), tap.end());
  }
  product.before = kByNext.data();
  product.before_stride = product.y_stride = kChannels;
  product.keep = kScale;
  product.y = by_h.data();
  mma_product_cpu(product, taps.data(), &kSpan, 1);
  MmaProduct<float> to_features;
  to_features.outputs = to_features.y_stride = kCondition;
  to_features.segments.add(da.data(), 2 * kChannels, 2 * kChannels);
  to_features.y = by_features.data();
  mma_product_cpu(to_features, transposed_in(p, 3 * kChannels, kCondition).data(), &kSpan, 1);

  Floats by_in, by_in_bias;
  for (int s = 0; s < 4; ++s) {
    const MmaSegment<float>& x = layer.segments.at[s];
    Floats result(static_cast<std::size_t>((x.inputs + 1) * 2 * kChannels));
    mma_outer_cpu<float>(
        {x.x, x.stride, x.inputs, x.offset, da.data(), 2 * kChannels, 2 * kChannels}, &kSpan, 1,
        result.data());
    by_in.insert(by_in.end(), result.begin(), result.end() - 2 * kChannels);
    by_in_bias.assign(result.end() - 2 * kChannels, result.end());
  }
  Floats by_after((kChannels + 1) * kColumns);
  mma_outer_cpu<float>({g.data(), kChannels, kChannels, 0, dr.data(), kColumns, kColumns}, &kSpan,
                       1, by_after.data());
  const Floats by_after_bias(by_after.end() - kColumns, by_after.end());
  by_after.resize(kChannels * kColumns);
  return {by_h, by_features, by_in, by_in_bias, by_after, by_after_bias};
}

TEST(WnLayer, TheRecipeGivesTheGradient) {
  Parameters p;
  const std::vector<Floats> gradient = gradients(p);
  for (std::size_t which = 0; which < gradient.size(); ++which) {
    const Floats direction = random_numbers(static_cast<int>(p.all()[which]->size()), 20, 1);
    double expected = 0;
    for (std::size_t i = 0; i < direction.size(); ++i)
      expected += double{gradient[which][i]} * direction[i];
    constexpr double kStep = 1e-3;
    const auto moved = [&](double step) {
      Parameters q;
      for (std::size_t i = 0; i < direction.size(); ++i)
        (*q.all()[which])[i] += static_cast<float>(step * direction[i]);
      return loss(q);
    };
    const double measured = (moved(kStep) - moved(-kStep)) / (2 * kStep);
    EXPECT_NEAR(measured, expected, 2e-3 * (1 + std::abs(expected))) << "parameter " << which;
  }
}

}  // namespace
}  // namespace fluvox::kernels
