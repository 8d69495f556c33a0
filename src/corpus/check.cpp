#include "corpus/check.h"

#include <algorithm>
#include <cmath>

#include "audio/loudness.h"
#include "core/error.h"

namespace fluvox::corpus {

double clipped_share(std::span<const float> samples) {
  constexpr float kLoud = 0.1F;
  constexpr size_t kRun = 3;
  if (samples.empty()) return 0;
  const auto [low, high] = std::minmax_element(samples.begin(), samples.end());
  const float lowest = *low, highest = *high;
  size_t clipped = 0;
  for (size_t first = 0; first < samples.size();) {
    const float x = samples[first];
    size_t last = first + 1;
    while (last < samples.size() && samples[last] == x) ++last;
    const bool at_an_end = (x == highest && x > kLoud) || (x == lowest && x < -kLoud);
    if (at_an_end && last - first >= kRun) clipped += last - first;
    first = last;
  }
  return static_cast<double>(clipped) / static_cast<double>(samples.size());
}

std::optional<Finding> finding(std::span<const float> samples, int rate, const Limits& limits) {
  if (rate < limits.least_rate)
    return Finding{"rate-low", text("expected at least ", limits.least_rate, " Hz, found ", rate,
                                    ": its highest frequencies would be empty")};
  const double seconds = static_cast<double>(samples.size()) / rate;
  if (samples.empty() || seconds < limits.least_seconds)
    return Finding{"too-short",
                   text("expected at least ", limits.least_seconds, " s, found ", seconds)};
  double power = 0;
  for (const float x : samples) power += static_cast<double>(x) * x;
  const double level = std::sqrt(power / static_cast<double>(samples.size()));
  if (level < 1e-4 || !std::isfinite(audio::integrated_loudness(samples, rate)))
    return Finding{"silent", text("expected speech, found silence (root mean square ", level, ")")};
  if (const double share = clipped_share(samples); share > limits.most_clipped)
    return Finding{"clipped", text("expected at most ", 100 * limits.most_clipped,
                                   "% of the samples clipped, found ", 100 * share, "%")};
  return {};
}

}  // namespace fluvox::corpus
