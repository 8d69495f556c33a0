// The two causal vocoders, sample by sample in one direction and at once in the other.
//   MAF: a causal WaveNet with a Gaussian output (ClariNet's teacher): exact and fast to train and
//   to score, slow to render.
//   IAF: ClariNet's student (Ping, Peng, Chen 2018), several causal WaveNets one after another:
//   fast to render, slow to score; it is trained from a teacher.
// Structure as docs/models/maf.md and docs/models/iaf.md.
#pragma once

#include "core/config.h"
#include "flow/spec.h"
#include "mel/convention.h"

namespace fluvox::models {

struct Maf {
  int flows = 1;
  int channels = 128;
  int layers = 20;
  int cycle = 10;
  int kernel = 3;
  int front = 32;
};

struct Iaf {
  int flows = 6;
  int channels = 64;
  int layers = 10;
  int cycle = 10;
  int kernel = 3;
  int front = 32;
};

template <class Visitor, class Model>
void causal_fields(Visitor& v, Model& m) {
  v("flows", m.flows, "causal networks one after another", Range{1, 64});
  v("channels", m.channels, "channels of each network", Range{1, 4096});
  v("layers", m.layers, "gated layers of each network", Range{1, 256});
  v("cycle", m.cycle, "layers until the dilation starts again at 1", Range{1, 20});
  v("kernel", m.kernel, "taps of the dilated convolutions", Range{1, 31});
  v("front", m.front, "taps of the first convolution", Range{1, 4096});
}

template <class Visitor>
void fields(Visitor& v, Maf& m) {
  causal_fields(v, m);
}

template <class Visitor>
void fields(Visitor& v, Iaf& m) {
  causal_fields(v, m);
}

flow::Spec spec_of(const Maf&, const mel::Convention&);
flow::Spec spec_of(const Iaf&, const mel::Convention&);

}  // namespace fluvox::models
