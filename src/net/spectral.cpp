#include "net/spectral.h"

#include <cmath>
#include <numbers>

namespace fluvox::net {

Margins margins(const Spectral&) { return {1, 2, Margins::Beyond::nearest_frame}; }

Interpolation bands_to_bins(const Spectral& net) {
  const auto bands = static_cast<size_t>(net.bands);
  if (bands < 2 || net.band_centres.size() != bands || net.band_log_sums.size() != bands)
    config::refuse("conditioner",
                   text("expected ", net.bands, " band_centres and band_log_sums, found ",
                        net.band_centres.size(), " and ", net.band_log_sums.size()));
  for (size_t b = 1; b < bands; ++b)
    if (!(net.band_centres[b] > net.band_centres[b - 1]))
      config::refuse("conditioner", text("expected rising band_centres, found ",
                                         net.band_centres[b - 1], " then ", net.band_centres[b]));
  Interpolation result;
  size_t band = 0;
  for (int k = 0; k < net.bins; ++k) {
    const double hertz = (k + 0.5) * net.rate / (2.0 * net.bins);
    while (band + 2 < bands && net.band_centres[band + 1] <= hertz) ++band;
    const double low = net.band_centres[band], high = net.band_centres[band + 1];
    result.lower.push_back(static_cast<int>(band));
    result.share.push_back(std::clamp((hertz - low) / (high - low), 0.0, 1.0));
  }
  return result;
}

std::vector<double> position_maps(const Spectral& net) {
  std::vector<double> maps;
  for (int k = 0; k < net.bins; ++k) maps.push_back(2 * (k + 0.5) / net.bins - 1);
  for (int k = 0; k < net.bins; ++k)
    maps.push_back(std::cos(3 * std::numbers::pi * (k + 0.5) / net.bins));
  return maps;
}

double envelope_offset() { return std::log(17.4); }

}  // namespace fluvox::net
