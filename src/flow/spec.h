// The spec: a model as data. It names the conditioner, the steps in the density direction, and the
// base; with its weights (model_file.h) it is all that is needed to rebuild the flow, in LibTorch
// or in the runtime.
//
//   { "format": 1, "model": "waveglow", "mel": {...}, "conditioner": {"kind": "upsample", ...},
//     "steps": [{"kind": "squeeze", "group": 8}, {"kind": "invertible1x1", "channels": 8}, ...],
//     "base": {"kind": "normal"}, "sigma": 0.8, "provenance": {...} }
#pragma once

#include <string>
#include <vector>

#include "core/config.h"

namespace fluvox::flow {

inline constexpr int kSpecFormat = 1;

struct Spec {
  int format = kSpecFormat;
  std::string model;                   // the architecture's name in models/
  Json mel = Json::object();           // the full mel convention (mel/convention.h)
  Json conditioner = Json::object();   // mel -> what the steps are conditioned on
  std::vector<Json> steps;             // audio -> z
  Json base = part_to_json("normal");  // the distribution of z
  double sigma = 1.0;                  // the temperature to sample at unless told otherwise
  int unseen = 0;                      // last channels of z, of which the mel tells nothing
  Json provenance = Json::object();    // who trained it, on what, for how long, with what result
};

template <class Visitor>
void fields(Visitor& v, Spec& s) {
  v("format", s.format, "version of this layout", Range{kSpecFormat, kSpecFormat});
  v("model", s.model, "name of the architecture");
  v("mel", s.mel, "mel convention");
  v("conditioner", s.conditioner, "network from mel to condition");
  v("steps", s.steps, "the steps of the flow, from audio to z");
  v("base", s.base, "distribution of z");
  v("sigma", s.sigma, "default sampling temperature", Range{0, 10});
  v("unseen", s.unseen, "last channels of z, of which the mel tells nothing (flow/temperature.h)",
    Range{0, 65536});
  v("provenance", s.provenance, "where the weights come from");
}

}  // namespace fluvox::flow
