// The middle one of some values; of an even number the upper one of the two in the middle.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace fluvox {

// Of at least one value.
template <class T>
T median(std::vector<T> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace fluvox
