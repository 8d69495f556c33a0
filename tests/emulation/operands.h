// What the tests of the tensor-core kernels share: operands of each type, poisoned where no span
// may read them, and how close each type must come.
#pragma once

#include <limits>
#include <vector>

#include "emulation/device_test.h"
#include "kernels/span.h"
#include "kernels/storage.h"

namespace fluvox::kernels {

// The relative error that the kernels' headers promise, against float64.
template <class T>
constexpr double kTolerance = 1e-4;
template <>
inline constexpr double kTolerance<Bf16> = 1e-2;
template <>
inline constexpr double kTolerance<Half> = 2e-3;

template <class T>
std::vector<T> all_rounded(const std::vector<float>& values) {
  std::vector<T> all;
  for (const float v : values) all.push_back(stored<T>(v));
  return all;
}

template <class T>
std::vector<float> values_of(const std::vector<T>& numbers) {
  std::vector<float> all;
  for (const T number : numbers) all.push_back(to_float(number));
  return all;
}

// One row more than the spans have: it belongs to none.
inline std::size_t rows_of(const std::vector<Span>& spans) {
  std::ptrdiff_t most = 0;
  for (const Span& span : spans) most = span.to > most ? span.to : most;
  return static_cast<std::size_t>(most + 1);
}

// Rows of `places` times `numbers`, the places `stride` apart. NaN: the rows that are in no span,
// and what follows the numbers of a place.
template <class T>
std::vector<T> series(const std::vector<Span>& spans, int places, int numbers, int stride,
                      unsigned seed) {
  const std::size_t rows = rows_of(spans), row_size = static_cast<std::size_t>(places * stride);
  std::vector<float> values = random_floats(rows * row_size, seed);
  for (std::size_t row = 0; row < rows; ++row) {
    const auto r = static_cast<std::ptrdiff_t>(row);
    bool there = false;
    for (const Span& span : spans) there = there || (r >= span.from && r < span.to);
    for (std::size_t i = 0; i < row_size; ++i)
      if (!there || i % static_cast<std::size_t>(stride) >= static_cast<std::size_t>(numbers))
        values[row * row_size + i] = std::numeric_limits<float>::quiet_NaN();
  }
  return all_rounded<T>(values);
}

// As expect_close; NaN in both, where nothing is written, is as good as equal.
template <class V>
void expect_same_rows(std::vector<V> actual, std::vector<V> expected, double tolerance,
                      const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i)
    if (std::isnan(actual[i]) && std::isnan(expected[i])) actual[i] = expected[i] = 0;
  expect_close(actual, expected, tolerance, what);
}

}  // namespace fluvox::kernels
