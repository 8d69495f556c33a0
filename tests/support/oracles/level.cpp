#include "support/oracles/level.h"

namespace fluvox::oracles {
namespace {

constexpr double kQuiet = 0.1, kLoud = 1;

double level_of(const Clip& clip) { return clip.feature(0, 0) < 0 ? kQuiet : kLoud; }

}  // namespace

Clip Level::draw(uint64_t seed, uint64_t item, int samples) const {
  Random random(seed, item);
  Clip clip;
  clip.bands = 1;
  clip.frames = samples / hop_;
  clip.features.assign(static_cast<size_t>(clip.frames), item % 2 == 0 ? -1 : 1);
  const double level = level_of(clip);
  for (int t = 0; t < samples; ++t) clip.x.push_back(level * random.normal());
  return clip;
}

std::vector<double> Level::log_density(const Clip& clip) const {
  std::vector<double> log_p;
  for (const double x : clip.x) log_p.push_back(log_normal(x, 0, level_of(clip)));
  return log_p;
}

double Level::entropy() { return gaussian_entropy(kQuiet * kLoud); }  // E[ln s] = 1/2 ln(s s')

double Level::volume_preserving_floor() {
  return 0.5 * std::log((kQuiet * kQuiet + kLoud * kLoud) / 2) - 0.5 * std::log(kQuiet * kLoud);
}

}  // namespace fluvox::oracles
