// WN: WaveGlow's conditioner, a stack of gated dilated convolutions with skips.
//   h = start(x);  skip = 0                                       1x1, inputs -> channels
//   for l in 0 .. layers - 1:   dilation 2^l, zero 'same' padding
//     a = in_l(h) + cond_l(features)                              kernel, channels -> 2 channels
//     g = tanh(a[:channels]) * sigmoid(a[channels:])              (kernels/gate.h)
//     r = res_skip_l(g)                                           1x1, channels -> 2 channels;
//     last: channels h += r[:channels];  skip += r[channels:]                    last layer: skip
//     += r
//   out = end(skip)                                               1x1, channels -> outputs; zero at
//   the start
// Without a condition (0 channels) there is no cond_layer.
// Shapes: x [inputs, T], features [condition, T], out [outputs, T].
// In the spec: {"kind": "wn", "inputs": 4, "outputs": 8, "channels": 64, "layers": 8, "kernel": 3,
// "condition": 640}. Tensors: start, in_layers.l, cond_layer (all layers' rows in one),
// res_skip_layers.l, end; each .weight [out, in, kernel] and .bias [out].
#pragma once

#include "core/config.h"
#include "net/net.h"

namespace fluvox::net {

struct Wn {
  int inputs = 4;
  int outputs = 8;
  int channels = 64;
  int layers = 8;
  int kernel = 3;
  int condition = 640;
};

template <class Visitor>
void fields(Visitor& v, Wn& n) {
  v("inputs", n.inputs, "channels of the kept half", Range{1, 4096});
  v("outputs", n.outputs, "channels of [b; raw log-scale]", Range{1, 8192});
  v("channels", n.channels, "channels of the residual stream", Range{1, 4096});
  v("layers", n.layers, "gated layers; layer l has dilation 2^l", Range{1, 24});
  v("kernel", n.kernel, "taps of the dilated convolutions, odd", Range{1, 31});
  v("condition", n.condition, "channels of the condition, 0: none", Range{0, 65536});
}

void check(const Wn&);  // an even kernel has no 'same' padding

TorchNetPtr make_torch(const Wn&);
RuntimeNetPtr make_runtime(const Wn&, Weights&);

}  // namespace fluvox::net
