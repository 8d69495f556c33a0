// Two small nets for vectors, at every position for itself.
//
// MLP:  h = relu(first(x) + cond(features));  h <- relu(layers_l(h)), each l;  out = last(h)
//
// MADE: the same with masked weights, so that an output for channel c sees the channels before c
// alone and, for every c, the condition. Hidden unit j has degree j mod inputs - 1: it sees the
// inputs, and the hidden units before it, of no higher degree; output c of each half, [b; raw],
// sees the hidden units of degrees below c.
//
// Shapes: x [inputs, T], features [condition, T], out [outputs, T]; MADE: outputs = 2 inputs.
// In the spec: {"kind": "mlp", "inputs": 2, "outputs": 4, "channels": 64, "layers": 2, "condition":
// 80}; {"kind": "made", "inputs": 2, "channels": 64, "layers": 2, "condition": 80}. `layers` counts
// the hidden ones. condition: 0 for none. Tensors: first, layers.l (one less than `layers`), last,
// each .weight [out, in] and .bias [out]; cond.weight [channels, condition].
#pragma once

#include <vector>

#include "core/config.h"
#include "net/net.h"

namespace fluvox::net {

struct Mlp {
  int inputs = 1;
  int outputs = 2;
  int channels = 64;
  int layers = 2;
  int condition = 80;
};

template <class Visitor>
void fields(Visitor& v, Mlp& n) {
  v("inputs", n.inputs, "channels of the kept half", Range{1, 4096});
  v("outputs", n.outputs, "channels of [b; raw log-scale]", Range{1, 8192});
  v("channels", n.channels, "hidden units of a layer", Range{1, 65536});
  v("layers", n.layers, "hidden layers", Range{1, 64});
  v("condition", n.condition, "channels of the condition; 0: none", Range{0, 65536});
}

struct Made {
  int inputs = 2;
  int channels = 64;
  int layers = 2;
  int condition = 80;
};

template <class Visitor>
void fields(Visitor& v, Made& n) {
  v("inputs", n.inputs, "channels of the vector", Range{1, 4096});
  v("channels", n.channels, "hidden units of a layer, at least one for each input",
    Range{1, 65536});
  v("layers", n.layers, "hidden layers", Range{1, 64});
  v("condition", n.condition, "channels of the condition; 0: none", Range{0, 65536});
}

Mlp dense(const Made&);  // the same net without masks

// MADE's masks, 0 or 1, [out][in]: of the first layer, of those between, of the last
struct MadeMasks {
  std::vector<float> first, between, last;
};
MadeMasks masks(const Made&);

TorchNetPtr make_torch(const Mlp&);
TorchNetPtr make_torch(const Made&);
RuntimeNetPtr make_runtime(const Mlp&, Weights&);
RuntimeNetPtr make_runtime(const Made&, Weights&);

}  // namespace fluvox::net
