// WaveGlow and SqueezeWave in both directions, in double and in plain loops, from the description
// of the published code alone: what an imported checkpoint is held against. Nothing here is shared
// with the product. Signals are [channel][position].
#pragma once

#include <cmath>
#include <cstddef>
#include <numbers>
#include <stdexcept>
#include <utility>
#include <vector>

namespace fluvox::support {

using Signal = std::vector<std::vector<double>>;

inline Signal zeros(size_t channels, size_t length) {
  return Signal(channels, std::vector<double>(length, 0.0));
}

// out[o][t] = bias[o] + sum over i, j of weight[o][i][j] in[i][t + dilation (j - taps / 2)]
struct PlainConv {
  size_t outputs = 0, inputs = 0, taps = 1;
  std::vector<double> weight, bias;

  Signal operator()(const Signal& in, int dilation = 1) const {
    const size_t length = in[0].size();
    Signal out = zeros(outputs, length);
    for (size_t o = 0; o < outputs; ++o)
      for (size_t t = 0; t < length; ++t) {
        double sum = bias[o];
        for (size_t i = 0; i < inputs; ++i)
          for (size_t j = 0; j < taps; ++j) {
            const auto from =
                static_cast<std::ptrdiff_t>(t) +
                dilation * (static_cast<std::ptrdiff_t>(j) - static_cast<std::ptrdiff_t>(taps / 2));
            if (from >= 0 && from < static_cast<std::ptrdiff_t>(length))
              sum += weight[(o * inputs + i) * taps + j] * in[i][static_cast<size_t>(from)];
          }
        out[o][t] = sum;
      }
    return out;
  }
};

// (a - mean) / sqrt(variance + eps) * weight + bias, a channel at a time
struct PlainNorm {
  std::vector<double> weight, bias, mean, variance;
  double eps = 1e-5;

  Signal operator()(Signal in) const {
    for (size_t c = 0; c < in.size(); ++c)
      for (double& v : in[c])
        v = (v - mean[c]) / std::sqrt(variance[c] + eps) * weight[c] + bias[c];
    return in;
  }
};

// One gated layer. WaveGlow's has `in` alone; SqueezeWave's a norm, a depthwise and a pointwise
// convolution. `res` is absent in WaveGlow's last layer, `skip` in all of SqueezeWave's.
struct PlainLayer {
  PlainConv in, condition, res, skip;
  PlainNorm norm;
  std::vector<PlainConv> depthwise;  // one convolution of 1 -> 1 for each channel
};

struct PlainWn {
  PlainConv start, end;
  std::vector<PlainLayer> layers;
};

struct PlainFlow {
  size_t leaving = 0;          // channels that leave before it
  std::vector<double> matrix;  // W [c][c]
  bool keeps_second = false;   // which half conditions
  PlainWn wn;
};

struct PlainVocoder {
  size_t bands = 0, hop = 0, group = 0;
  bool squeezewave = false;
  std::vector<double> upsampler, upsampler_bias;  // WaveGlow's [in][out][taps], [out]
  size_t upsampler_taps = 0;
  std::vector<PlainFlow> flows;

  // mel [bands][frames] -> [channels][frames hop / group]
  Signal condition(const Signal& mel) const {
    const size_t frames = mel[0].size(), rows = frames * hop / group;
    if (squeezewave) {
      Signal out = zeros(bands, rows);
      for (size_t b = 0; b < bands; ++b)
        for (size_t t = 0; t < rows; ++t) out[b][t] = mel[b][t / (hop / group)];
      return out;
    }
    // The transposed convolution, cut to frames * hop samples, then unfolded: mel-major.
    Signal up = zeros(bands, frames * hop);
    for (size_t o = 0; o < bands; ++o)
      for (double& v : up[o]) v = upsampler_bias[o];
    for (size_t i = 0; i < bands; ++i)
      for (size_t f = 0; f < frames; ++f)
        for (size_t o = 0; o < bands; ++o)
          for (size_t j = 0; j < upsampler_taps && f * hop + j < frames * hop; ++j)
            up[o][f * hop + j] += mel[i][f] * upsampler[(i * bands + o) * upsampler_taps + j];
    Signal out = zeros(bands * group, rows);
    for (size_t b = 0; b < bands; ++b)
      for (size_t phase = 0; phase < group; ++phase)
        for (size_t t = 0; t < rows; ++t) out[b * group + phase][t] = up[b][t * group + phase];
    return out;
  }

  Signal network(const PlainWn& wn, const Signal& kept, const Signal& features) const {
    Signal h = wn.start(kept);
    const size_t channels = h.size(), length = h[0].size();
    Signal skips = zeros(channels, length);
    for (size_t l = 0; l < wn.layers.size(); ++l) {
      const PlainLayer& layer = wn.layers[l];
      Signal a = h;
      if (squeezewave) {
        a = layer.norm(a);
        for (size_t c = 0; c < channels; ++c) a[c] = layer.depthwise[c]({a[c]})[0];
        a = layer.in(a);
      } else {
        a = layer.in(a, 1 << l);
      }
      const Signal b = layer.condition(features);
      Signal gate = zeros(channels, length);
      for (size_t c = 0; c < channels; ++c)
        for (size_t t = 0; t < length; ++t)
          gate[c][t] = std::tanh(a[c][t] + b[c][t]) /
                       (1 + std::exp(-(a[channels + c][t] + b[channels + c][t])));
      const auto add = [&](const PlainConv& conv, Signal& to) {
        if (conv.outputs == 0) return;
        const Signal more = conv(gate);
        for (size_t c = 0; c < channels; ++c)
          for (size_t t = 0; t < length; ++t) to[c][t] += more[c][t];
      };
      add(layer.res, h);
      add(layer.skip, skips);
    }
    return wn.end(squeezewave ? h : skips);
  }

  struct Density {
    Signal z;         // [group][positions], what left first comes first
    double nats = 0;  // of the audio, every constant included
  };

  Density forward(const std::vector<double>& audio, const Signal& mel) const {
    const Signal features = condition(mel);
    const size_t rows = audio.size() / group;
    Signal x = zeros(group, rows);
    for (size_t i = 0; i < audio.size(); ++i) x[i % group][i / group] = audio[i];
    Density found;
    for (const PlainFlow& flow : flows) {
      const auto rest = x.begin() + static_cast<std::ptrdiff_t>(flow.leaving);
      found.z.insert(found.z.end(), x.begin(), rest);
      x.erase(x.begin(), rest);
      x = multiplied(flow.matrix, x);
      found.nats += static_cast<double>(rows) * log_abs_det(flow.matrix, x.size());
      const size_t half = x.size() / 2, kept = flow.keeps_second ? half : 0, other = half - kept;
      const Signal out = network(flow.wn, part(x, kept, half), features);
      for (size_t c = 0; c < half; ++c)
        for (size_t t = 0; t < rows; ++t) {
          const double shift = out[c][t], log_scale = out[half + c][t];
          x[other + c][t] = std::exp(log_scale) * x[other + c][t] + shift;
          found.nats += log_scale;
        }
    }
    found.z.insert(found.z.end(), x.begin(), x.end());
    for (const auto& channel : found.z)
      for (const double v : channel) found.nats -= 0.5 * (v * v + std::log(2 * std::numbers::pi));
    return found;
  }

  std::vector<double> inverse(const Signal& z, const Signal& mel) const {
    const Signal features = condition(mel);
    const size_t rows = z[0].size();
    size_t left = 0;
    for (const PlainFlow& flow : flows) left += flow.leaving;
    Signal x = part(z, left, group - left);
    for (size_t k = flows.size(); k-- > 0;) {
      const PlainFlow& flow = flows[k];
      const size_t half = x.size() / 2, kept = flow.keeps_second ? half : 0, other = half - kept;
      const Signal out = network(flow.wn, part(x, kept, half), features);
      for (size_t c = 0; c < half; ++c)
        for (size_t t = 0; t < rows; ++t)
          x[other + c][t] = (x[other + c][t] - out[c][t]) / std::exp(out[half + c][t]);
      x = solved(flow.matrix, x);
      left -= flow.leaving;
      const Signal back = part(z, left, flow.leaving);
      x.insert(x.begin(), back.begin(), back.end());
    }
    std::vector<double> audio(rows * group);
    for (size_t i = 0; i < audio.size(); ++i) audio[i] = x[i % group][i / group];
    return audio;
  }

 private:
  static Signal part(const Signal& x, size_t first, size_t count) {
    const auto from = x.begin() + static_cast<std::ptrdiff_t>(first);
    return {from, from + static_cast<std::ptrdiff_t>(count)};
  }

  static Signal multiplied(const std::vector<double>& matrix, const Signal& x) {
    Signal out = zeros(x.size(), x[0].size());
    for (size_t i = 0; i < x.size(); ++i)
      for (size_t j = 0; j < x.size(); ++j)
        for (size_t t = 0; t < x[0].size(); ++t) out[i][t] += matrix[i * x.size() + j] * x[j][t];
    return out;
  }

  // Elimination of [matrix | x]: x becomes matrix^-1 x. Returns log |det matrix|.
  static double eliminate(std::vector<double> matrix, Signal& x, size_t n) {
    double log_det = 0;
    for (size_t k = 0; k < n; ++k) {
      size_t best = k;
      for (size_t i = k; i < n; ++i)
        if (std::abs(matrix[i * n + k]) > std::abs(matrix[best * n + k])) best = i;
      for (size_t j = 0; j < n; ++j) std::swap(matrix[k * n + j], matrix[best * n + j]);
      std::swap(x[k], x[best]);
      const double pivot = matrix[k * n + k];
      log_det += std::log(std::abs(pivot));
      for (size_t i = 0; i < n; ++i) {
        if (i == k) continue;
        const double factor = matrix[i * n + k] / pivot;
        for (size_t j = k; j < n; ++j) matrix[i * n + j] -= factor * matrix[k * n + j];
        for (size_t t = 0; t < x[i].size(); ++t) x[i][t] -= factor * x[k][t];
      }
    }
    for (size_t k = 0; k < n; ++k)
      for (double& v : x[k]) v /= matrix[k * n + k];
    return log_det;
  }

  static Signal solved(const std::vector<double>& matrix, Signal x) {
    eliminate(matrix, x, x.size());
    return x;
  }

  static double log_abs_det(const std::vector<double>& matrix, size_t n) {
    Signal nothing(n);
    return eliminate(matrix, nothing, n);
  }
};

}  // namespace fluvox::support
