// Causal WN: a causal WaveNet whose output at t sees the inputs before t, and the condition at t.
//   h = relu(front(x))                          `front` taps on x[t - front] .. x[t - 1]
//   for l in 0 .. layers - 1:                   dilation d = 2^(l mod cycle)
//     a = in_l(h) + cond_l(features)            kernel taps on h[t - (kernel - 1) d] .. h[t]
//     g = tanh(a[:channels]) * sigmoid(a[channels:])
//     r = res_skip_l(g)                         1x1, channels -> 2 channels; last: channels
//     h <- (h + r[:channels]) sqrt(1/2);  skip += r[channels:]         last layer: skip += r
//   out = end(relu(mid(relu(skip))))            1x1, channels -> channels -> outputs; the last zero
//                                               at the start
// Before the first input stand zeros, and likewise before the first h. With a condition of 0
// channels there is no cond_layer.
// Shapes: x [inputs, T], features [condition, T], out [outputs, T].
// In the spec: {"kind": "causal_wn", "inputs": 1, "outputs": 2, "channels": 64, "layers": 10,
// "cycle": 10, "kernel": 3, "front": 32, "condition": 80}. Tensors: front, in_layers.l, cond_layer
// (all layers' rows in one), res_skip_layers.l, mid, end; each .weight [out, in, kernel] and .bias
// [out].
#pragma once

#include <cstdint>

#include "core/config.h"
#include "net/net.h"

namespace fluvox::net {

struct CausalWn {
  int inputs = 1;
  int outputs = 2;
  int channels = 64;
  int layers = 10;
  int cycle = 10;
  int kernel = 3;
  int front = 32;
  int condition = 80;
};

template <class Visitor>
void fields(Visitor& v, CausalWn& n) {
  v("inputs", n.inputs, "channels of the series", Range{1, 4096});
  v("outputs", n.outputs, "channels of [b; raw log-scale]", Range{1, 8192});
  v("channels", n.channels, "channels of the residual stream and of the skips", Range{1, 4096});
  v("layers", n.layers, "gated layers", Range{1, 256});
  v("cycle", n.cycle, "layers until the dilation starts again at 1", Range{1, 20});
  v("kernel", n.kernel, "taps of the dilated convolutions", Range{1, 31});
  v("front", n.front, "taps of the first convolution", Range{1, 4096});
  v("condition", n.condition, "channels of the condition; 0: none", Range{0, 65536});
}

int64_t dilation(const CausalWn&, int layer);
int64_t reach(const CausalWn&);  // inputs that an output can see

TorchNetPtr make_torch(const CausalWn&);
RuntimeNetPtr make_runtime(const CausalWn&, Weights&);

}  // namespace fluvox::net
