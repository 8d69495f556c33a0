// The learning rate over a run: `learning_rate`, reached by a linear warm-up, then
//   cosine       from 1 down to final_rate, f + (1 - f) (1 + cos(pi u)) / 2
//   exponential  f^u
//   constant     1
// of it, where f is final_rate and u goes from 0 after the warm-up to 1 at the last step.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

#include "train/config.h"

namespace fluvox::train {

inline double rate_at(const TrainSettings& s, int64_t step) {
  if (step < s.warmup)
    return s.learning_rate * static_cast<double>(step + 1) / static_cast<double>(s.warmup);
  const auto rest = static_cast<double>(std::max<int64_t>(1, s.steps - s.warmup));
  const double u = std::min(1.0, static_cast<double>(step - s.warmup) / rest);
  if (s.schedule == "constant") return s.learning_rate;
  if (s.schedule == "exponential") return s.learning_rate * std::pow(s.final_rate, u);
  const double cosine = 0.5 + 0.5 * std::cos(std::numbers::pi * u);
  return s.learning_rate * (s.final_rate + (1 - s.final_rate) * cosine);
}

}  // namespace fluvox::train
