// Random weights by name, as a model file would hold them, and the comparison of what the runtime
// makes of them with a reference in double.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "net/net_runtime.h"

namespace fluvox::support {

inline std::vector<float> random_values(size_t count, double deviation, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal(0, deviation);
  std::vector<float> values(count);
  for (float& v : values) v = static_cast<float>(normal(generator));
  return values;
}

inline net::Grid random_grid(int rows, int columns, unsigned seed) {
  net::Grid grid(rows, columns);
  grid.values = random_values(grid.values.size(), 1, seed);
  return grid;
}

class MadeWeights {
 public:
  explicit MadeWeights(unsigned seed) : seed_(seed) {}

  // Weights that keep the size of what they multiply: deviation scale / sqrt(inputs), a bias of
  // scale / 3.
  void conv(const std::string& name, int64_t outputs, int64_t inputs, std::vector<int64_t> kernel,
            double scale = 1) {
    std::vector<int64_t> shape = {outputs, inputs};
    shape.insert(shape.end(), kernel.begin(), kernel.end());
    double fan_in = static_cast<double>(inputs);
    for (const int64_t size : kernel) fan_in *= static_cast<double>(size);
    add(name + ".weight", shape, scale / std::sqrt(fan_in));
    add(name + ".bias", {outputs}, scale / 3);
  }

  void add(const std::string& name, const std::vector<int64_t>& shape, double deviation) {
    size_t count = 1;
    for (const int64_t size : shape) count *= static_cast<size_t>(size);
    set(name, shape, random_values(count, deviation, seed_++));
  }

  void set(const std::string& name, const std::vector<int64_t>& shape,
           const std::vector<float>& values) {
    tensors[name] = HostTensor::of(values, shape);
  }

  std::vector<float> operator[](const std::string& name) const { return tensors.at(name).floats(); }

  Tensors tensors;

 private:
  unsigned seed_;
};

// The largest difference, relative to the largest value where that is above 1.
inline double difference(const std::vector<float>& found, const std::vector<double>& expected) {
  if (found.size() != expected.size()) return INFINITY;
  double largest = 1, worst = 0;
  for (const double v : expected) largest = std::max(largest, std::abs(v));
  for (size_t i = 0; i < found.size(); ++i) {
    const double error = std::abs(found[i] - expected[i]);
    if (!(error <= worst)) worst = error;  // NaN counts
  }
  return worst / largest;
}

inline std::vector<double> doubles(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

}  // namespace fluvox::support
