#include "models/compact.h"

#include <cmath>

#include "flow/registry.h"
#include "mel/filterbank.h"

namespace fluvox::models {
namespace {

// Those in whose middle no filter of the mel is
int bins_unseen(const mel::Convention& c) {
  return c.hop - static_cast<int>(std::ceil(c.fmax / (c.sample_rate / 2.0) * c.hop - 0.5));
}

}  // namespace

flow::Spec spec_of(const Compact& m, const mel::Convention& convention) {
  if (convention.log != "ln" || convention.quantity != "magnitude" || convention.gain != 1 ||
      convention.offset != 0 || !convention.mean.empty())
    config::refuse(
        "model",
        "compact whitens by ln magnitudes: expected a mel convention with log ln, quantity "
        "magnitude and no further scaling (tacotron2, hifigan), found " +
            convention.name);
  flow::Spec spec;
  spec.model = "compact";
  spec.sigma = m.sigma;
  spec.unseen = bins_unseen(convention);
  spec.mel = to_json(convention);
  const int bins = convention.hop;
  spec.conditioner =
      part_to_json("spectral", net::Spectral{.bands = convention.bands,
                                             .bins = bins,
                                             .hidden = m.hidden,
                                             .width = m.width,
                                             .learned = m.maps,
                                             .rate = static_cast<double>(convention.sample_rate),
                                             .band_centres = mel::band_centres(convention),
                                             .band_log_sums = mel::log_filter_sum(convention)});
  spec.steps.push_back(part_to_json("knee", flow::Knee{}));
  spec.steps.push_back(part_to_json("lapped", flow::Lapped{bins}));
  spec.steps.push_back(part_to_json("whiten", flow::Whiten{bins}));
  const int seen = 1 + 2 * (m.maps + 1 + net::kPositionMaps);
  const Json net = part_to_json("conv2d", net::Conv2d{.inputs = seen,
                                                      .outputs = 2,
                                                      .channels = m.channels,
                                                      .kernel = 3,
                                                      .dilations = m.dilations});
  for (int round = 0; round < m.rounds; ++round)
    for (const char* axis : {"bins", "frames"})
      for (int keep : {0, 1})
        spec.steps.push_back(
            part_to_json("grid_coupling", flow::GridCoupling{axis, keep, m.limit, net}));
  return spec;
}

}  // namespace fluvox::models
