// The slope of a value in one of the numbers that it is computed from, by a central difference.
#pragma once

namespace fluvox::support {

// value() reads `parameter`, which is put back as it was.
template <class Value>
double slope(const Value& value, double& parameter) {
  constexpr double kStep = 1e-5;
  const double before = parameter;
  parameter = before + kStep;
  const double above = value();
  parameter = before - kStep;
  const double below = value();
  parameter = before;
  return (above - below) / (2 * kStep);
}

}  // namespace fluvox::support
