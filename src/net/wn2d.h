// WN over a grid (WaveFlow): gated dilated convolutions, causal over the rows, 'same' over the
// columns.
//   h = start(x);  skip = 0                                       1x1, inputs -> channels
//   for l: a = in_l(h) + cond_l(features)       kernel x kernel, channels -> 2 channels; dilation
//                                               row_dilations[l] over rows, 2^l over columns
//          g = tanh(a[:channels]) * sigmoid(a[channels:])
//          r = res_skip_l(g)                    1x1, channels -> 2 channels; last layer: channels
//          h += r[:channels];  skip += r[channels:]               last layer: skip += r
//   out = end(skip)                             1x1, channels -> outputs; zero at the start
// Row r of out sees rows 0 .. r of x, zeros before them. There are as many layers as row dilations.
// Shapes: x [inputs, rows, columns], features [condition, rows, columns], out [outputs, rows,
// columns].
// In the spec: {"kind": "wn2d", "inputs": 1, "outputs": 2, "channels": 64, "kernel": 3,
// "row_dilations": [1, 1, 1, 1, 1, 1, 1, 1], "condition": 80}. Tensors: start, in_layers.l,
// cond_layer (all layers' rows in one), res_skip_layers.l, end; each .weight [out, in, rows,
// columns] and .bias [out].
#pragma once

#include <vector>

#include "core/config.h"
#include "net/net.h"

namespace fluvox::net {

struct Wn2d {
  int inputs = 1;
  int outputs = 2;
  int channels = 64;
  int kernel = 3;
  std::vector<int> row_dilations = {1, 1, 1, 1, 1, 1, 1, 1};
  int condition = 80;

  int layers() const { return static_cast<int>(row_dilations.size()); }
};

template <class Visitor>
void fields(Visitor& v, Wn2d& n) {
  v("inputs", n.inputs, "channels of the input", Range{1, 4096});
  v("outputs", n.outputs, "channels of [b; raw log-scale]", Range{1, 8192});
  v("channels", n.channels, "channels of the residual stream", Range{1, 4096});
  v("kernel", n.kernel, "taps over rows and over columns, odd", Range{1, 31});
  v("row_dilations", n.row_dilations, "dilation over rows of each layer, 1 to 24 layers");
  v("condition", n.condition, "channels of the condition", Range{1, 65536});
}

void check(const Wn2d&);

TorchNetPtr make_torch(const Wn2d&);
RuntimeNetPtr make_runtime(const Wn2d&, Weights&);

}  // namespace fluvox::net
