#include <algorithm>
#include <array>
#include <cmath>

#include "core/threads.h"
#include "flow/halves_runtime.h"
#include "flow/spline_coupling.h"
#include "flow/step_runtime.h"
#include "net/weights.h"

namespace fluvox::flow {
namespace {

constexpr int kPiece = 64;  // rows

using Knots = std::array<double, SplineCoupling::kMostBins + 1>;

// One value's spline, in double.
class Spline {
 public:
  Spline(const SplineCoupling& step, const float* raw) : bins_(step.bins), bound_(step.bound) {
    knots(raw, x_);
    knots(raw + bins_, y_);
    d_[0] = d_[static_cast<size_t>(bins_)] = 1;
    for (int k = 1; k < bins_; ++k) {
      const double v = raw[2 * bins_ + k - 1] + kSlopeShift;
      d_[static_cast<size_t>(k)] =
          SplineCoupling::kLeastSlope + std::max(v, 0.0) + std::log1p(std::exp(-std::abs(v)));
    }
  }

  // x becomes z; the logarithm of the slope is returned
  double forward(float& value) const {
    const double x = value;
    if (!(std::abs(x) <= bound_)) return 0;
    const size_t k = piece(x_, x);
    const double w = x_[k + 1] - x_[k], h = y_[k + 1] - y_[k], s = h / w;
    const double t = (x - x_[k]) / w, u = t * (1 - t);
    const double below = s + (d_[k + 1] + d_[k] - 2 * s) * u;
    value = static_cast<float>(y_[k] + h * (s * t * t + d_[k] * u) / below);
    return 2 * std::log(s) + std::log(d_[k + 1] * t * t + 2 * s * u + d_[k] * (1 - t) * (1 - t)) -
           2 * std::log(below);
  }

  void inverse(float& value) const {
    const double z = value;
    if (!(std::abs(z) <= bound_)) return;
    const size_t k = piece(y_, z);
    const double w = x_[k + 1] - x_[k], h = y_[k + 1] - y_[k], s = h / w;
    const double v = z - y_[k], e = d_[k + 1] + d_[k] - 2 * s;
    const double a = v * e + h * (s - d_[k]), b = h * d_[k] - v * e, c = -s * v;
    const double root = std::sqrt(std::max(b * b - 4 * a * c, 0.0));
    value = static_cast<float>(x_[k] + w * (2 * c / (-b - root)));
  }

 private:
  void knots(const float* raw, Knots& to) const {
    const double largest = *std::max_element(raw, raw + bins_);
    double total = 0;
    for (int k = 0; k < bins_; ++k) total += std::exp(raw[k] - largest);
    const double least = SplineCoupling::kLeastSize;
    double sum = 0;
    to[0] = -bound_;
    for (int k = 0; k + 1 < bins_; ++k) {
      sum += least + (1 - least * bins_) * std::exp(raw[k] - largest) / total;
      to[static_cast<size_t>(k) + 1] = -bound_ + 2 * bound_ * sum;
    }
    to[static_cast<size_t>(bins_)] = bound_;
  }

  size_t piece(const Knots& knots, double value) const {
    size_t k = 0;
    while (k + 1 < static_cast<size_t>(bins_) && value >= knots[k + 1]) ++k;
    return k;
  }

  int bins_;
  double bound_;
  Knots x_, y_, d_;
};

class SplineCouplingRuntime : public RuntimeStep {
 public:
  SplineCouplingRuntime(const SplineCoupling& step, Weights& weights)
      : step_(step), halves_(halves_of(step.keep, step.channels, weights.path("spline_coupling"))) {
    Weights inner = weights.in("net");
    net_ = net::make_runtime_net(step.net, weights.path("net"), inner);
  }

  StepShape fit(const std::string& where, StepShape in,
                const ConditionShape& condition) const override {
    expect_size(where, "channels into spline_coupling", step_.channels, in.channels);
    expect_size(where, "samples in a row of the condition", in.samples, condition.row_samples);
    const net::NetShape net = net_->shape();
    expect_size(where, "inputs of the net", halves_.count, net.inputs);
    expect_size(where, "outputs of the net", int64_t{halves_.count} * step_.numbers(), net.outputs);
    expect_size(where, "channels of the net's condition", condition.channels, net.condition);
    return in;
  }

  double forward(Grid& x, const RuntimeCondition& condition, Threads& threads,
                 double* by_row) const override {
    std::vector<double> sums(static_cast<size_t>(x.rows));
    const Grid out = net_->forward(kept_half(x, halves_), &condition.features, threads);
    each(x, out, threads, [&](int t, const Spline& spline, float& value) {
      sums[static_cast<size_t>(t)] += spline.forward(value);
    });
    return total_of(sums, by_row);
  }

  void inverse(Grid& z, const RuntimeCondition& condition, Threads& threads) const override {
    invert(z, net_->forward(kept_half(z, halves_), &condition.features, threads), threads);
  }

  StepStreamPtr stream() const override {
    return stream_beside_net(
        net_->stream(),
        {step_.channels, [this](const Grid& z) { return kept_half(z, halves_); }, nullptr,
         [this](Grid& z, const Grid& out, Threads& threads) { invert(z, out, threads); }});
  }
  int64_t look_ahead() const override { return net_->look_ahead(); }
  double multiply_adds(int) const override { return net_->multiply_adds(); }

 private:
  void invert(Grid& z, const Grid& out, Threads& threads) const {
    each(z, out, threads, [](int, const Spline& spline, float& value) { spline.inverse(value); });
  }

  template <class Map>
  void each(Grid& x, const Grid& out, Threads& threads, Map map) const {
    const kernels::View changed = changed_half(x, halves_);
    net::in_pieces(threads, x.rows, kPiece, [&](int first, int last) {
      for (int t = first; t < last; ++t)
        for (int j = 0; j < halves_.count; ++j)
          map(t, Spline(step_, out.row(t) + std::ptrdiff_t{j} * step_.numbers()), changed.at(t, j));
    });
  }

  SplineCoupling step_;
  Halves halves_;
  net::RuntimeNetPtr net_;
};

}  // namespace

RuntimeStepPtr make_runtime(const SplineCoupling& step, Weights& weights) {
  return std::make_unique<SplineCouplingRuntime>(step, weights);
}

}  // namespace fluvox::flow
