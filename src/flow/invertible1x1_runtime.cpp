#include <cmath>
#include <vector>

#include "core/threads.h"
#include "flow/invertible1x1.h"
#include "flow/step_runtime.h"
#include "net/packed.h"

namespace fluvox::flow {
namespace {

constexpr int kPiece = 512;  // rows

struct Inverse {
  std::vector<float> matrix;
  double log_abs_det = 0;
};

// Gauss-Jordan with partial pivoting, in double.
Inverse invert(const std::vector<float>& weight, int n, const std::string& name) {
  const auto size = static_cast<size_t>(n);
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
  const auto refuse = [&](double pivot, size_t column) {
    throw Error(
        Fault::input, "matrix-singular",
        text("tensor '", name, "': expected an invertible matrix, found a singular one (pivot ",
             pivot, " in column ", column, "); the model can neither render nor score"));
  };
  Inverse inverse;
  for (size_t k = 0; k < size; ++k) {
    size_t pivot = k;
    for (size_t i = k + 1; i < size; ++i)
      if (std::abs(rows[i][k]) > std::abs(rows[pivot][k])) pivot = i;
    const double value = rows[pivot][k];
    // What rounding leaves of a column that depends on those before it is no pivot.
    if (!(std::abs(value) > 1e-13 * largest[k])) refuse(value, k);
    std::swap(rows[k], rows[pivot]);
    inverse.log_abs_det += std::log(std::abs(value));
    for (double& v : rows[k]) v /= value;
    for (size_t i = 0; i < size; ++i) {
      const double factor = rows[i][k];
      if (i == k || factor == 0) continue;
      for (size_t j = k; j < 2 * size; ++j) rows[i][j] -= factor * rows[k][j];
    }
  }
  for (const std::vector<double>& row : rows)
    for (size_t j = size; j < 2 * size; ++j) {
      inverse.matrix.push_back(static_cast<float>(row[j]));
      if (!std::isfinite(inverse.matrix.back())) refuse(row[j], j - size);
    }
  return inverse;
}

class Invertible1x1Runtime : public RuntimeStep {
 public:
  Invertible1x1Runtime(int channels, const std::vector<float>& weight, const Inverse& inverse)
      : channels_(channels),
        log_abs_det_(inverse.log_abs_det),
        weight_(weight.data(), 1, channels, channels, channels),
        inverse_(inverse.matrix.data(), 1, channels, channels, channels) {}

  StepShape fit(const std::string& where, StepShape in, const ConditionShape&) const override {
    expect_size(where, "channels into invertible1x1", channels_, in.channels);
    return in;
  }

  double forward(Grid& x, const RuntimeCondition&, Threads& threads) const override {
    x = times(weight_, x, threads);
    return x.rows * log_abs_det_;
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
      const kernels::Segment mine = matrix.times(x.row(first), channels_);
      kernels::product_cpu(last - first, channels_, nullptr, &mine, 1, y.row(first), channels_);
    });
    return y;
  }

  int channels_;
  double log_abs_det_;
  net::PackedMatrix weight_, inverse_;
};

}  // namespace

RuntimeStepPtr make_runtime(const Invertible1x1& step, Weights& weights) {
  const std::vector<float> weight = weights.take("weight", {step.channels, step.channels});
  return std::make_unique<Invertible1x1Runtime>(
      step.channels, weight, invert(weight, step.channels, weights.path("weight")));
}

}  // namespace fluvox::flow
