// Conv2d: a small residual network over a time x bin grid, causal in time.
//   h = first(x)                                             kernel x kernel, inputs -> channels
//   for d in dilations:  h += conv_d(relu(h))                kernel x kernel, dilation 1 in time, d
//   over bins out = last(relu(h))                                      1x1, channels -> outputs;
//   zero at the start
// Padding with zeros: over bins 'same', over time the past only.
// Shapes: x [inputs, rows, columns] -> out [outputs, rows, columns].
// In the spec: {"kind": "conv2d", "inputs": 15, "outputs": 2, "channels": 32, "kernel": 3,
// "dilations": [1, 2, 4, 1]}. Tensors: first, layers.l, last; each .weight [out, in, time, bins],
// .bias [out].
#pragma once

#include <vector>

#include "core/config.h"
#include "net/net.h"

namespace fluvox::net {

struct Conv2d {
  int inputs = 15;
  int outputs = 2;
  int channels = 32;
  int kernel = 3;
  std::vector<int> dilations = {1, 2, 4, 1};
};

template <class Visitor>
void fields(Visitor& v, Conv2d& n) {
  v("inputs", n.inputs, "channels of the input", Range{1, 4096});
  v("outputs", n.outputs, "channels of the output", Range{1, 4096});
  v("channels", n.channels, "channels inside", Range{1, 4096});
  v("kernel", n.kernel, "taps in time and over bins, odd", Range{1, 31});
  v("dilations", n.dilations, "dilation over bins of each residual layer");
}

TorchNetPtr make_torch(const Conv2d&);
RuntimeNetPtr make_runtime(const Conv2d&, Weights&);

}  // namespace fluvox::net
