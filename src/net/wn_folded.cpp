#include "net/wn_folded.h"

#include <algorithm>

#include "core/error.h"
#include "net/weights.h"

namespace fluvox::net {
namespace {

// A convolution or 1x1 as read from the file, in double: weight [outputs][inputs][taps].
struct Exact {
  Exact(Weights& weights, const std::string& name, int outputs_, int inputs_,
        const std::vector<int64_t>& kernel)
      : outputs(outputs_), inputs(inputs_), taps(1) {
    std::vector<int64_t> shape = {outputs, inputs};
    for (const int64_t size : kernel) {
      shape.push_back(size);
      taps *= static_cast<int>(size);
    }
    const std::vector<float> w = weights.take(name + ".weight", shape);
    const std::vector<float> b = weights.take(name + ".bias", {outputs});
    weight.assign(w.begin(), w.end());
    bias.assign(b.begin(), b.end());
  }
  double at(int o, int i, int tap = 0) const {
    return weight[(static_cast<size_t>(o) * inputs + i) * taps + tap];
  }

  int outputs, inputs, taps;
  std::vector<double> weight, bias;
};

std::vector<Matrix> taps_of(const Exact& in, const Exact* start) {
  std::vector<Matrix> taps;
  for (int tap = 0; tap < in.taps; ++tap) {
    Matrix& matrix = taps.emplace_back(start ? start->inputs + 1 : in.inputs, in.outputs);
    for (int o = 0; o < in.outputs; ++o)
      for (int c = 0; c < in.inputs; ++c) {
        const double w = in.at(o, c, tap);
        if (!start) {
          matrix.at(c, o) = w;
          continue;
        }
        for (int i = 0; i < start->inputs; ++i) matrix.at(i, o) += w * start->at(c, i);
        matrix.at(start->inputs, o) += w * start->bias[static_cast<size_t>(c)];
      }
  }
  return taps;
}

// The part of all layers' condition that is layer l's.
std::optional<Matrix> condition_of(const std::optional<Exact>& condition, int l, int outputs) {
  if (!condition) return {};
  Matrix matrix(condition->inputs, outputs);
  for (int i = 0; i < condition->inputs; ++i)
    for (int o = 0; o < outputs; ++o) matrix.at(i, o) = condition->at(outputs * l + o, i);
  return matrix;
}

std::vector<float> bias_of(const Exact& in, const std::optional<Exact>& condition, int l) {
  std::vector<float> bias;
  for (size_t o = 0; o < in.bias.size(); ++o)
    bias.push_back(static_cast<float>(
        in.bias[o] +
        (condition ? condition->bias[in.bias.size() * static_cast<size_t>(l) + o] : 0.0)));
  return bias;
}

Matrix after_of(const Exact& res_skip, const Exact& end, int residual) {
  Matrix matrix(res_skip.inputs, residual + end.outputs);
  for (int i = 0; i < res_skip.inputs; ++i) {
    for (int o = 0; o < residual; ++o) matrix.at(i, o) = res_skip.at(o, i);
    for (int o = 0; o < end.outputs; ++o)
      for (int c = 0; c < end.inputs; ++c)
        matrix.at(i, residual + o) += end.at(o, c) * res_skip.at(residual + c, i);
  }
  return matrix;
}

// What both kinds of WN are made of.
struct Sizes {
  int inputs, outputs, channels, layers, condition;
  std::vector<int64_t> kernel;  // of in_layers
};

FoldedWnEnds fold(const Sizes& wn, Weights& weights,
                  const std::function<void(const FoldedWnLayer&)>& layer) {
  const int channels = wn.channels;
  const std::vector<int64_t> one(wn.kernel.size(), 1);
  const Exact start(weights, "start", channels, wn.inputs, one);
  const Exact end(weights, "end", wn.outputs, channels, one);
  std::optional<Exact> condition;
  if (wn.condition > 0)
    condition.emplace(weights, "cond_layer", 2 * channels * wn.layers, wn.condition, one);
  std::vector<double> out_bias = end.bias;
  for (int l = 0; l < wn.layers; ++l) {
    const int residual = l + 1 == wn.layers ? 0 : channels;
    const Exact in(weights, text("in_layers.", l), 2 * channels, channels, wn.kernel);
    const Exact res_skip(weights, text("res_skip_layers.", l), residual + channels, channels, one);
    std::vector<float> after_bias(static_cast<size_t>(residual + wn.outputs), 0.0f);
    std::copy_n(res_skip.bias.begin(), residual, after_bias.begin());
    layer({int64_t{1} << l, taps_of(in, l == 0 ? &start : nullptr),
           condition_of(condition, l, 2 * channels), bias_of(in, condition, l),
           after_of(res_skip, end, residual), after_bias});
    for (int o = 0; o < wn.outputs; ++o)
      for (int c = 0; c < channels; ++c)
        out_bias[static_cast<size_t>(o)] +=
            end.at(o, c) * res_skip.bias[static_cast<size_t>(residual + c)];
  }
  FoldedWnEnds ends{Matrix(wn.inputs, channels),
                    {start.bias.begin(), start.bias.end()},
                    {out_bias.begin(), out_bias.end()}};
  for (int i = 0; i < wn.inputs; ++i)
    for (int c = 0; c < channels; ++c) ends.start.at(i, c) = start.at(c, i);
  return ends;
}

}  // namespace

FoldedWnEnds fold_wn(const Wn& wn, Weights& weights,
                     const std::function<void(const FoldedWnLayer&)>& layer) {
  return fold({wn.inputs, wn.outputs, wn.channels, wn.layers, wn.condition, {wn.kernel}}, weights,
              layer);
}

FoldedWnEnds fold_wn(const Wn2d& wn, Weights& weights,
                     const std::function<void(const FoldedWnLayer&)>& layer) {
  return fold(
      {wn.inputs, wn.outputs, wn.channels, wn.layers(), wn.condition, {wn.kernel, wn.kernel}},
      weights, layer);
}

ConvMatrices take_matrices(Weights& weights, const std::string& name, int outputs, int inputs,
                           const std::vector<int64_t>& kernel) {
  const Exact exact(weights, name, outputs, inputs, kernel);
  return {taps_of(exact, nullptr), {exact.bias.begin(), exact.bias.end()}};
}

void take_condition(Weights& weights, int condition, std::vector<FoldedWnLayer>& layers) {
  if (condition == 0) return;
  const auto outputs = static_cast<int>(layers.front().bias.size());
  const std::optional<Exact> all =
      Exact(weights, "cond_layer", outputs * static_cast<int>(layers.size()), condition, {1});
  for (size_t l = 0; l < layers.size(); ++l) {
    layers[l].condition = condition_of(all, static_cast<int>(l), outputs);
    for (size_t o = 0; o < layers[l].bias.size(); ++o)
      layers[l].bias[o] += static_cast<float>(all->bias[l * layers[l].bias.size() + o]);
  }
}

}  // namespace fluvox::net
