#include <algorithm>
#include <cmath>
#include <vector>

#include "core/threads.h"
#include "flow/invertible1x1.h"
#include "flow/step_runtime.h"
#include "net/packed.h"

namespace fluvox::flow {
namespace {

constexpr int kPiece = 512;  // rows

// Row by row, in double.
using Matrix = std::vector<double>;

// What a step needs of W, whatever it was made from.
struct Mixing {
  Matrix weight, inverse;
  double log_abs_det = 0;
};

[[noreturn]] void refuse(const std::string& name, double pivot, size_t column) {
  throw Error(
      Fault::input, "matrix-singular",
      text("tensor '", name, "': expected an invertible matrix, found a singular one (pivot ",
           pivot, " in column ", column, "); the model can neither render nor score"));
}

// Gauss-Jordan with partial pivoting, in double.
Mixing invert(const Matrix& weight, size_t size, const std::string& name) {
  std::vector<std::vector<double>> rows(size,
                                        std::vector<double>(2 * size, 0.0));  // [W | identity]
  std::vector<double> largest(size, 0.0);                                     // of each column
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j < size; ++j) {
      rows[i][j] = weight[i * size + j];
      largest[j] = std::max(largest[j], std::abs(rows[i][j]));
    }
    rows[i][size + i] = 1;
  }
  Mixing mixing{weight, {}, 0};
  for (size_t k = 0; k < size; ++k) {
    size_t pivot = k;
    for (size_t i = k + 1; i < size; ++i)
      if (std::abs(rows[i][k]) > std::abs(rows[pivot][k])) pivot = i;
    const double value = rows[pivot][k];
    // What rounding leaves of a column that depends on those before it is no pivot.
    if (!(std::abs(value) > 1e-13 * largest[k])) refuse(name, value, k);
    std::swap(rows[k], rows[pivot]);
    mixing.log_abs_det += std::log(std::abs(value));
    for (double& v : rows[k]) v /= value;
    for (size_t i = 0; i < size; ++i) {
      const double factor = rows[i][k];
      if (i == k || factor == 0) continue;
      for (size_t j = k; j < 2 * size; ++j) rows[i][j] -= factor * rows[k][j];
    }
  }
  for (const std::vector<double>& row : rows)
    for (size_t j = size; j < 2 * size; ++j) {
      mixing.inverse.push_back(row[j]);
      if (!std::isfinite(static_cast<float>(row[j]))) refuse(name, row[j], j - size);
    }
  return mixing;
}

Mixing plain(Weights& weights, int channels) {
  const std::vector<float> weight = weights.take("weight", {channels, channels});
  return invert({weight.begin(), weight.end()}, static_cast<size_t>(channels),
                weights.path("weight"));
}

Mixing of_lu(Weights& weights, int channels) {
  const std::vector<float> lower = weights.take("lower", {channels, channels});
  const std::vector<float> upper = weights.take("upper", {channels, channels});
  const std::vector<float> log_diagonal = weights.take("log_diagonal", {channels});
  const std::vector<float> permutation = weights.take("permutation", {channels});
  const std::vector<float> signs = weights.take("signs", {channels});
  const auto size = static_cast<size_t>(channels);
  Matrix weight(size * size);
  std::vector<bool> taken(size, false);
  double log_abs_det = 0;
  for (size_t i = 0; i < size; ++i) {
    log_abs_det += log_diagonal[i];
    const float from = permutation[i];
    if (!(from >= 0 && from < static_cast<float>(size) && from == std::floor(from)) ||
        taken[static_cast<size_t>(from)])
      throw Error(Fault::input, "permutation-invalid",
                  text("tensor '", weights.path("permutation"), "': expected each of 0 .. ",
                       channels - 1, " once, found ", from, " at ", i));
    const auto r = static_cast<size_t>(from);
    taken[r] = true;
    if (std::abs(signs[i]) != 1)
      throw Error(Fault::input, "sign-invalid",
                  text("tensor '", weights.path("signs"), "': expected 1 or -1, found ", signs[i],
                       " at ", i));
    for (size_t j = 0; j < size; ++j) {
      double sum = 0;
      for (size_t k = 0; k <= std::min(r, j); ++k) {
        const double l = k == r ? 1 : lower[r * size + k];
        const double u =
            k == j ? signs[k] * std::exp(double{log_diagonal[k]}) : upper[k * size + j];
        sum += l * u;
      }
      weight[i * size + j] = sum;
    }
  }
  Mixing mixing = invert(weight, size, weights.path("log_diagonal"));
  mixing.log_abs_det = log_abs_det;
  return mixing;
}

Mixing of_reflections(Weights& weights, int channels) {
  const std::vector<float> vectors = weights.take("vectors", {channels, channels});
  const auto size = static_cast<size_t>(channels);
  Matrix w(size * size, 0.0), transposed(size * size);
  for (size_t i = 0; i < size; ++i) w[i * size + i] = 1;
  for (size_t i = 0; i < size; ++i) {
    const float* v = vectors.data() + i * size;
    double squares = 0;
    for (size_t j = 0; j < size; ++j) squares += double{v[j]} * v[j];
    if (!(squares > 0)) refuse(weights.path("vectors"), squares, i);
    for (size_t r = 0; r < size; ++r) {
      double along = 0;
      for (size_t j = 0; j < size; ++j) along += w[r * size + j] * v[j];
      for (size_t j = 0; j < size; ++j) w[r * size + j] -= 2 * along / squares * v[j];
    }
  }
  for (size_t r = 0; r < size; ++r)
    for (size_t j = 0; j < size; ++j) transposed[j * size + r] = w[r * size + j];
  return {w, transposed, 0};
}

net::PackedMatrix packed(const Matrix& matrix, int channels) {
  const std::vector<float> rounded(matrix.begin(), matrix.end());
  return {rounded.data(), 1, channels, channels, channels};
}

class Invertible1x1Runtime : public RuntimeStep {
 public:
  Invertible1x1Runtime(int channels, const Mixing& mixing)
      : channels_(channels),
        log_abs_det_(mixing.log_abs_det),
        weight_(packed(mixing.weight, channels)),
        inverse_(packed(mixing.inverse, channels)) {}

  StepShape fit(const std::string& where, StepShape in, const ConditionShape&) const override {
    expect_size(where, "channels into invertible1x1", channels_, in.channels);
    return in;
  }

  double forward(Grid& x, const RuntimeCondition&, Threads& threads,
                 double* by_row) const override {
    x = times(weight_, x, threads);
    return total_of(x.rows, log_abs_det_, by_row);
  }

  void inverse(Grid& z, const RuntimeCondition&, Threads& threads) const override {
    z = times(inverse_, z, threads);
  }

  double multiply_adds(int) const override { return inverse_.multiply_adds(); }
  StepStreamPtr stream() const override { return stream_row_by_row(*this, Sees::nothing); }

 private:
  Grid times(const net::PackedMatrix& matrix, const Grid& x, Threads& threads) const {
    Grid y(x.rows, channels_);
    net::in_pieces(threads, x.rows, kPiece, [&](int first, int last) {
      net::multiply(last - first, channels_, nullptr, {matrix.times(x.row(first), channels_)},
                    y.row(first), channels_);
    });
    return y;
  }

  int channels_;
  double log_abs_det_;
  net::PackedMatrix weight_, inverse_;
};

}  // namespace

RuntimeStepPtr make_runtime(const Invertible1x1& step, Weights& weights) {
  const auto mixing = step.form == "lu"           ? of_lu
                      : step.form == "orthogonal" ? of_reflections
                                                  : plain;
  return std::make_unique<Invertible1x1Runtime>(step.channels, mixing(weights, step.channels));
}

}  // namespace fluvox::flow
