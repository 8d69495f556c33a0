// RealNVP (Dinh, Sohl-Dickstein, Bengio 2016) as a vocoder: at every scale three couplings with
// alternating masks and three with halves, a batch norm after each; half the channels leave between
// two scales. Structure as docs/models/squeezed.md.
#pragma once

#include "core/config.h"
#include "flow/spec.h"
#include "mel/convention.h"

namespace fluvox::models {

struct RealNvp {
  int group = 8;
  int scales = 3;
  int channels = 128;
  int layers = 4;
  double limit = 2;
};

template <class Visitor>
void fields(Visitor& v, RealNvp& m) {
  v("group", m.group, "samples squeezed into a group at the first scale, even", Range{2, 1024});
  v("scales", m.scales, "scales; each has rows twice as long as the one before", Range{1, 8});
  v("channels", m.channels, "channels of each WN", Range{1, 4096});
  v("layers", m.layers, "gated layers of each WN", Range{1, 24});
  v("limit", m.limit, "bound of the log-scale; 0: none", Range{0, 10});
}

flow::Spec spec_of(const RealNvp&, const mel::Convention&);

}  // namespace fluvox::models
