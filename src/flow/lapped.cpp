#include "flow/lapped.h"

#include <cmath>
#include <numbers>

namespace fluvox::flow {
namespace {

double angle(int n, int i) { return std::numbers::pi / (4.0 * n) * (n + 2 * i + 1); }

}  // namespace

std::vector<double> dct4_matrix(int n) {
  // The angle is pi m / (4 n) with m = (2a + 1)(2b + 1): reduce m modulo its period first, for
  // accuracy.
  std::vector<double> matrix(static_cast<size_t>(n) * n);
  for (int a = 0; a < n; ++a)
    for (int b = 0; b < n; ++b) {
      const int64_t m = (2 * int64_t{a} + 1) * (2 * int64_t{b} + 1) % (8 * int64_t{n});
      matrix[static_cast<size_t>(a) * n + b] =
          std::sqrt(2.0 / n) * std::cos(std::numbers::pi / (4.0 * n) * static_cast<double>(m));
    }
  return matrix;
}

std::vector<double> lapped_sines(int n) {
  std::vector<double> sines;
  for (int i = 0; i < n / 2; ++i) sines.push_back(std::sin(angle(n, i)));
  return sines;
}

std::vector<double> lapped_cosines(int n) {
  std::vector<double> cosines;
  for (int i = 0; i < n / 2; ++i) cosines.push_back(std::cos(angle(n, i)));
  return cosines;
}

}  // namespace fluvox::flow
