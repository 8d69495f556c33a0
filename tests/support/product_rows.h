// What the tests of the products share: random inputs, and rows of results that lie apart.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <random>
#include <vector>

namespace fluvox::support {

inline std::vector<float> random_floats(std::size_t count, unsigned seed, float deviation = 1) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> distribution(0, deviation);
  std::vector<float> values(count);
  for (float& value : values) value = distribution(engine);
  return values;
}

// y [rows][outputs] as product(y, stride) makes it in rows that lie 3 apart further than they are
// long; what lies between must stay.
template <class Product>
std::vector<float> apart(int rows, int outputs, const Product& product) {
  const int stride = outputs + 3;
  std::vector<float> y(static_cast<std::size_t>(rows * stride), 77);
  product(y.data(), stride);
  std::vector<float> result;
  for (int t = 0; t < rows; ++t)
    for (int o = 0; o < stride; ++o) {
      const float value = y[static_cast<std::size_t>(t * stride + o)];
      if (o < outputs)
        result.push_back(value);
      else
        EXPECT_EQ(value, 77) << "row " << t << " was written " << o - outputs << " too far";
    }
  return result;
}

}  // namespace fluvox::support
