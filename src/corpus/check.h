// What makes a recording unfit to learn from.
//
//   too-short     less than limits.least_seconds
//   silent        root mean square below 1e-4, or nothing above -70 LUFS
//   clipped       more than limits.most_clipped of the samples stand in runs of three or more at
//                 the recording's own highest or lowest value, where that is above 0.1
//   rate-low      a rate below limits.least_rate: its highest octave would be empty
#pragma once

#include <optional>
#include <span>
#include <string>

namespace fluvox::corpus {

struct Limits {
  double least_seconds = 0.5;
  double most_clipped = 0.001;
  int least_rate = 0;
};

struct Finding {
  std::string code, reason;
};

double clipped_share(std::span<const float> samples);

// The first thing wrong, if any.
std::optional<Finding> finding(std::span<const float> samples, int rate, const Limits& limits);

}  // namespace fluvox::corpus
