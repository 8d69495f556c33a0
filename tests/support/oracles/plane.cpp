#include "support/oracles/plane.h"

#include <limits>

namespace fluvox::oracles {
namespace {

constexpr int kModes = 8;
constexpr double kRadius = 3, kWidth = 0.3;

double centre(int mode, int axis) {
  const double angle = 2 * std::numbers::pi * mode / kModes;
  return kRadius * (axis == 0 ? std::cos(angle) : std::sin(angle));
}

}  // namespace

Clip Banana::draw(uint64_t seed, uint64_t item, int) const {
  Random random(seed, item);
  Clip clip;
  clip.x.push_back(4 * random.normal());
  clip.x.push_back(clip.x[0] * clip.x[0] / 4 + random.normal());
  return clip;
}

std::vector<double> Banana::log_density(const Clip& clip) const {
  return {log_normal(clip.x[0], 0, 4), log_normal(clip.x[1], clip.x[0] * clip.x[0] / 4, 1)};
}

Clip Ring::draw(uint64_t seed, uint64_t item, int) const {
  Random random(seed, item);
  const int mode = random.below(kModes);
  Clip clip;
  for (int axis : {0, 1}) clip.x.push_back(centre(mode, axis) + kWidth * random.normal());
  return clip;
}

std::vector<double> Ring::log_density(const Clip& clip) const {
  double first = 0, both = 0;
  for (int mode = 0; mode < kModes; ++mode) {
    const double p = std::exp(log_normal(clip.x[0], centre(mode, 0), kWidth)) / kModes;
    first += p;
    both += p * std::exp(log_normal(clip.x[1], centre(mode, 1), kWidth));
  }
  return {std::log(first), std::log(both / first)};
}

Clip Checkerboard::draw(uint64_t seed, uint64_t item, int) const {
  Random random(seed, item);
  const int column = random.below(4), pair = random.below(2);
  const int row = 2 * pair + column % 2;
  Clip clip;
  for (const int corner : {column - 2, row - 2}) clip.x.push_back(corner + random.uniform());
  return clip;
}

std::vector<double> Checkerboard::log_density(const Clip& clip) const {
  const double column = std::floor(clip.x[0]), row = std::floor(clip.x[1]);
  const bool inside = std::abs(column + 0.5) < 2 && std::abs(row + 0.5) < 2;
  const bool dark = std::fmod(column + row + 8, 2) == 0;
  if (!inside || !dark) return {0, -std::numeric_limits<double>::infinity()};
  return {-std::log(4.0), -std::log(2.0)};  // of 4 columns, then of the 2 dark squares in one
}

}  // namespace fluvox::oracles
