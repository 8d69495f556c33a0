// log|det| of a map's Jacobian from the map alone: central differences, then elimination, in
// double.
#pragma once

#include <cmath>
#include <functional>
#include <utility>
#include <vector>

namespace fluvox::support {

using Map = std::function<std::vector<double>(const std::vector<double>&)>;

inline double log_abs_det(std::vector<std::vector<double>> matrix) {
  const size_t n = matrix.size();
  double sum = 0;
  for (size_t k = 0; k < n; ++k) {
    size_t pivot = k;
    for (size_t i = k + 1; i < n; ++i)
      if (std::abs(matrix[i][k]) > std::abs(matrix[pivot][k])) pivot = i;
    std::swap(matrix[k], matrix[pivot]);
    sum += std::log(std::abs(matrix[k][k]));
    for (size_t i = k + 1; i < n; ++i) {
      const double factor = matrix[i][k] / matrix[k][k];
      for (size_t j = k; j < n; ++j) matrix[i][j] -= factor * matrix[k][j];
    }
  }
  return sum;
}

inline double jacobian_log_det(const Map& map, const std::vector<double>& x, double step = 1e-5) {
  std::vector<std::vector<double>> columns;
  for (size_t i = 0; i < x.size(); ++i) {
    std::vector<double> above = x, below = x;
    above[i] += step;
    below[i] -= step;
    std::vector<double> column = map(above);
    const std::vector<double> other = map(below);
    for (size_t j = 0; j < column.size(); ++j)
      column[j] = (column[j] - other[j]) / (above[i] - below[i]);
    columns.push_back(std::move(column));
  }
  return log_abs_det(std::move(columns));  // of the transpose, which is the same
}

}  // namespace fluvox::support
