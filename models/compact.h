// Compact: the model that ships. An orthonormal lapped transform turns the audio into a time x bin
// grid, the mel whitens it, and affine couplings keep even bins, odd bins, even frames and odd
// frames in turn, each with a small 2-D network that is causal in time. Why it looks so:
// docs/models/compact.md.
#pragma once

#include <vector>

#include "core/config.h"
#include "flow/spec.h"
#include "mel/convention.h"

namespace fluvox::models {

struct Compact {
  int channels = 32;
  int rounds = 2;
  std::vector<int> dilations = {1, 2, 4, 1};
  int hidden = 96;
  int width = 64;
  int maps = 4;
  double limit = 1.5;
  double sigma = 0.8;
};

template <class Visitor>
void fields(Visitor& v, Compact& m) {
  v("channels", m.channels, "channels of each coupling's network", Range{1, 1024});
  v("rounds", m.rounds, "times the four couplings are repeated", Range{1, 64});
  v("dilations", m.dilations, "dilation over bins of each residual layer");
  v("hidden", m.hidden, "width of the net that refines the whitening", Range{1, 4096});
  v("width", m.width, "width of the net that makes the maps", Range{1, 4096});
  v("maps", m.maps, "learned maps", Range{1, 64});
  v("limit", m.limit, "bound of the log-scale", Range{0.01, 10});
  v("sigma", m.sigma, "temperature to sample at, in training for the loss on mels too",
    Range{0, 10});
}

flow::Spec spec_of(const Compact&, const mel::Convention&);

}  // namespace fluvox::models
