// The nets of couplings written once more from the formulas of their headers, in double and in
// plain loops over [channel][position]: what the runtime bodies are held against.
#pragma once

#include <string>
#include <vector>

#include "net/conv2d.h"
#include "net/wn.h"
#include "support/made_weights.h"

namespace fluvox::support {

// [channels][height][width]; height is 1 for one-dimensional signals
struct Naive {
  Naive(int channels_, int height_, int width_)
      : channels(channels_),
        height(height_),
        width(width_),
        values(static_cast<size_t>(channels_) * height_ * width_, 0.0) {}

  double& at(int c, int y, int x) {
    return values[(static_cast<size_t>(c) * height + y) * width + x];
  }
  double at(int c, int y, int x) const {
    if (y < 0 || y >= height || x < 0 || x >= width) return 0;
    return values[(static_cast<size_t>(c) * height + y) * width + x];
  }

  int channels, height, width;
  std::vector<double> values;
};

// A series [channels][1][width] as the runtime lays it out, [width][channels].
inline std::vector<double> by_time(const Naive& series) {
  std::vector<double> values;
  for (int t = 0; t < series.width; ++t)
    for (int c = 0; c < series.channels; ++c) values.push_back(series.at(c, 0, t));
  return values;
}

// out[o, y, x] = bias[o] + sum w[o, c, i, j] in[c, y + dy (i) - up, x + dilation j - left]
inline Naive naive_conv(const Naive& in, const MadeWeights& weights, const std::string& name,
                        int kernel_height, int kernel_width, int dilation, int up, int left) {
  const std::vector<float> w = weights[name + ".weight"], bias = weights[name + ".bias"];
  Naive out(static_cast<int>(bias.size()), in.height, in.width);
  for (int o = 0; o < out.channels; ++o)
    for (int y = 0; y < in.height; ++y)
      for (int x = 0; x < in.width; ++x) {
        double sum = bias[static_cast<size_t>(o)];
        size_t tap = static_cast<size_t>(o) * in.channels * kernel_height * kernel_width;
        for (int c = 0; c < in.channels; ++c)
          for (int i = 0; i < kernel_height; ++i)
            for (int j = 0; j < kernel_width; ++j, ++tap)
              sum += double{w[tap]} * in.at(c, y + i - up, x + dilation * j - left);
        out.at(o, y, x) = sum;
      }
  return out;
}

inline Naive naive_conv2d(const net::Conv2d& net, const MadeWeights& weights,
                          const std::string& prefix, const Naive& in) {
  const int k = net.kernel;
  const auto relu = [](Naive a) {
    for (double& v : a.values) v = std::max(v, 0.0);
    return a;
  };
  Naive h = naive_conv(in, weights, prefix + "first", k, k, 1, k - 1, (k - 1) / 2);
  for (size_t l = 0; l < net.dilations.size(); ++l) {
    const int d = net.dilations[l];
    const Naive change = naive_conv(relu(h), weights, prefix + "layers." + std::to_string(l), k, k,
                                    d, k - 1, d * (k - 1) / 2);
    for (size_t i = 0; i < h.values.size(); ++i) h.values[i] += change.values[i];
  }
  return naive_conv(relu(h), weights, prefix + "last", 1, 1, 1, 0, 0);
}

inline Naive naive_wn(const net::Wn& wn, const MadeWeights& weights, const std::string& prefix,
                      const Naive& in, const Naive& features) {
  const int channels = wn.channels;
  Naive h = naive_conv(in, weights, prefix + "start", 1, 1, 1, 0, 0);
  Naive skip(channels, 1, in.width);
  const Naive conditions = naive_conv(features, weights, prefix + "cond_layer", 1, 1, 1, 0, 0);
  for (int l = 0; l < wn.layers; ++l) {
    const int dilation = 1 << l;
    const std::string number = std::to_string(l);
    const Naive a = naive_conv(h, weights, prefix + "in_layers." + number, 1, wn.kernel, dilation,
                               0, dilation * (wn.kernel - 1) / 2);
    Naive gate(channels, 1, in.width);
    for (int c = 0; c < channels; ++c)
      for (int t = 0; t < in.width; ++t) {
        const double u = a.at(c, 0, t) + conditions.at(2 * channels * l + c, 0, t);
        const double v =
            a.at(channels + c, 0, t) + conditions.at(2 * channels * l + channels + c, 0, t);
        gate.at(c, 0, t) = std::tanh(u) / (1 + std::exp(-v));
      }
    const Naive r = naive_conv(gate, weights, prefix + "res_skip_layers." + number, 1, 1, 1, 0, 0);
    const bool last = l + 1 == wn.layers;
    for (int c = 0; c < channels; ++c)
      for (int t = 0; t < in.width; ++t) {
        if (!last) h.at(c, 0, t) += r.at(c, 0, t);
        skip.at(c, 0, t) += r.at(last ? c : channels + c, 0, t);
      }
  }
  return naive_conv(skip, weights, prefix + "end", 1, 1, 1, 0, 0);
}

inline void make_conv2d(const net::Conv2d& net, MadeWeights& weights, const std::string& prefix) {
  weights.conv(prefix + "first", net.channels, net.inputs, {net.kernel, net.kernel});
  for (size_t l = 0; l < net.dilations.size(); ++l)
    weights.conv(prefix + "layers." + std::to_string(l), net.channels, net.channels,
                 {net.kernel, net.kernel});
  weights.conv(prefix + "last", net.outputs, net.channels, {1, 1});
}

inline void make_wn(const net::Wn& wn, MadeWeights& weights, const std::string& prefix) {
  weights.conv(prefix + "start", wn.channels, wn.inputs, {1});
  weights.conv(prefix + "cond_layer", 2 * wn.channels * wn.layers, wn.condition, {1});
  for (int l = 0; l < wn.layers; ++l) {
    weights.conv(prefix + "in_layers." + std::to_string(l), 2 * wn.channels, wn.channels,
                 {wn.kernel});
    weights.conv(prefix + "res_skip_layers." + std::to_string(l),
                 l + 1 < wn.layers ? 2 * wn.channels : wn.channels, wn.channels, {1});
  }
  weights.conv(prefix + "end", wn.outputs, wn.channels, {1});
}

// Time-major [rows][columns * channels] <-> [channels][rows][columns]
inline Naive from_grid(const net::Grid& grid, int channels) {
  Naive out(channels, grid.rows, grid.columns / channels);
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x)
      for (int c = 0; c < channels; ++c) out.at(c, y, x) = grid.row(y)[x * channels + c];
  return out;
}

inline std::vector<double> to_grid(const Naive& in) {
  std::vector<double> values;
  for (int y = 0; y < in.height; ++y)
    for (int x = 0; x < in.width; ++x)
      for (int c = 0; c < in.channels; ++c) values.push_back(in.at(c, y, x));
  return values;
}

// A one-dimensional signal [T][channels] <-> [channels][1][T]
inline Naive from_series(const net::Grid& grid) {
  Naive out(grid.columns, 1, grid.rows);
  for (int t = 0; t < grid.rows; ++t)
    for (int c = 0; c < grid.columns; ++c) out.at(c, 0, t) = grid.row(t)[c];
  return out;
}

}  // namespace fluvox::support
