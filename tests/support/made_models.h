// Two whole models small enough for tests, their specs written by hand and their weights random,
// last layers included: a WaveGlow with an early exit, and a compact.
#pragma once

#include <string>
#include <vector>

#include "flow/model_file.h"
#include "mel/convention.h"
#include "net/spectral.h"
#include "support/naive_nets.h"

namespace fluvox::support {

// 64-point frames every 16 samples, 8 bands
inline mel::Convention small_convention() {
  mel::Convention c;
  c.name = "small";
  c.fft = c.window = 64;
  c.hop = 16;
  c.bands = 8;
  return c;
}

inline flow::Model small_waveglow(unsigned seed = 1) {
  flow::Model model;
  model.spec.model = "waveglow";
  model.spec.mel = to_json(small_convention());
  model.spec.conditioner = {
      {"kind", "upsample"}, {"bands", 8}, {"kernel", 64}, {"hop", 16}, {"group", 8}};
  MadeWeights made(seed);
  made.add("conditioner.weight", {8, 8, 64}, 0.02);
  made.add("conditioner.bias", {8}, 0.1);
  model.spec.steps.push_back({{"kind", "squeeze"}, {"group", 8}});
  int channels = 8;
  for (int k = 0; k < 3; ++k) {
    if (k == 1 || k == 2) {
      model.spec.steps.push_back({{"kind", "split"}, {"channels", 2}});
      channels -= 2;
    }
    const std::string matrix = text("steps.", model.spec.steps.size(), ".weight");
    model.spec.steps.push_back({{"kind", "invertible1x1"}, {"channels", channels}});
    // Near the identity, so that nothing depends on a matrix that happens to be nearly singular.
    std::vector<float> weight =
        random_values(static_cast<size_t>(channels * channels), 0.2, seed + 50 + k);
    for (int c = 0; c < channels; ++c) weight[static_cast<size_t>(c * channels + c)] += 1;
    made.set(matrix, {channels, channels}, weight);
    const net::Wn wn{.inputs = channels / 2,
                     .outputs = channels,
                     .channels = 6,
                     .layers = 2,
                     .kernel = 3,
                     .condition = 64};
    make_wn(wn, made, text("steps.", model.spec.steps.size(), ".net."));
    model.spec.steps.push_back({{"kind", "coupling"},
                                {"channels", channels},
                                {"limit", 1.0},
                                {"net", part_to_json("wn", wn)}});
  }
  model.tensors = made.tensors;
  return model;
}

inline flow::Model small_compact(unsigned seed = 1) {
  flow::Model model;
  model.spec.model = "compact";
  model.spec.sigma = 0.8;
  model.spec.unseen = 5;
  model.spec.mel = to_json(small_convention());
  net::Spectral spectral;
  spectral.bands = 8;
  spectral.bins = 16;
  spectral.hidden = 6;
  spectral.width = 5;
  spectral.learned = 2;
  for (int b = 0; b < 8; ++b) {
    spectral.band_centres.push_back(300 + 1000 * b);
    spectral.band_log_sums.push_back(-2);
  }
  model.spec.conditioner = part_to_json("spectral", spectral);
  MadeWeights made(seed);
  made.conv("conditioner.scale_in", 6, 16, {3});
  made.conv("conditioner.scale_out", 16, 6, {1});
  made.conv("conditioner.map_in", 5, 16, {3});
  made.conv("conditioner.map_mid", 5, 5, {1});
  made.conv("conditioner.map_out", 2 * 16, 5, {1});
  model.spec.steps.push_back({{"kind", "knee"}, {"start", 0.5}, {"slope", 0.5}});
  model.spec.steps.push_back({{"kind", "lapped"}, {"hop", 16}});
  model.spec.steps.push_back({{"kind", "whiten"}, {"bins", 16}});
  made.add("steps.2.bias", {16}, 0.2);
  const net::Conv2d net{
      .inputs = 11, .outputs = 2, .channels = 6, .kernel = 3, .dilations = {1, 2}};
  for (const char* axis : {"bins", "frames"})
    for (int keep : {0, 1}) {
      make_conv2d(net, made, text("steps.", model.spec.steps.size(), ".net."));
      model.spec.steps.push_back({{"kind", "grid_coupling"},
                                  {"axis", axis},
                                  {"keep", keep},
                                  {"limit", 1.0},
                                  {"net", part_to_json("conv2d", net)}});
    }
  model.tensors = made.tensors;
  return model;
}

}  // namespace fluvox::support
