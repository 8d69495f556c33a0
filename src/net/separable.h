// Separable: SqueezeWave's conditioner, gated layers of depthwise-separable convolutions.
//   h = start(x)                                                  1x1, inputs -> channels
//   for l in 0 .. layers - 1:
//     n = norm_l(h) = (h - mean) / sqrt(variance + 1e-5) * weight + bias             each channel
//     d = depthwise_l(n)              kernel, every channel for itself, zero 'same' padding of n
//     a = pointwise_l(d) + cond_l(features)                       1x1, channels -> 2 channels
//     h += res_l(tanh(a[:channels]) * sigmoid(a[channels:]))      1x1, channels -> channels
//   out = end(h)                                 1x1, channels -> outputs; zero at the start
// No dilation and no skips: the end reads the residual stream. The norm is a batch norm: in
// training mean and variance are those of the batch, and running averages of them (a tenth of each
// new batch) are what is used afterwards. The padding stands after the norm, so norm and depthwise
// are not one convolution at the edges. Shapes: x [inputs, T], features [condition, T], out
// [outputs, T]. In the spec: {"kind": "separable", "inputs": 64, "outputs": 128, "channels": 256,
// "layers": 8, "kernel": 3, "condition": 80}. Tensors: start, end, cond_layer (all layers' rows in
// one), in_layers.l.pointwise, res_layers.l, each .weight [out, in, 1] and .bias [out];
// in_layers.l.depthwise.weight [channels, 1, kernel] and .bias; in_layers.l.norm.weight, .bias,
// .running_mean, .running_var, each [channels].
#pragma once

#include "core/config.h"
#include "net/net.h"

namespace fluvox::net {

struct Separable {
  int inputs = 64;
  int outputs = 128;
  int channels = 256;
  int layers = 8;
  int kernel = 3;
  int condition = 80;
};

inline constexpr double kNormFloor = 1e-5;  // what is added to the variance

template <class Visitor>
void fields(Visitor& v, Separable& n) {
  v("inputs", n.inputs, "channels of the kept half", Range{1, 4096});
  v("outputs", n.outputs, "channels of [b; raw log-scale]", Range{1, 8192});
  v("channels", n.channels, "channels of the residual stream", Range{1, 4096});
  v("layers", n.layers, "gated layers", Range{1, 64});
  v("kernel", n.kernel, "taps of the depthwise convolutions, odd", Range{1, 31});
  v("condition", n.condition, "channels of the condition", Range{1, 65536});
}

void check(const Separable&);  // an even kernel has no 'same' padding

TorchNetPtr make_torch(const Separable&);
RuntimeNetPtr make_runtime(const Separable&, Weights&);

}  // namespace fluvox::net
