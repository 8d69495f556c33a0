#include <algorithm>
#include <cmath>

#include "core/threads.h"
#include "flow/knee.h"
#include "flow/step_runtime.h"

namespace fluvox::flow {
namespace {

constexpr int kPiece = 4096;  // rows

// Roots, divisions and products in double precision, so every processor makes the same bits.
class KneeRuntime : public RuntimeStep {
 public:
  explicit KneeRuntime(const Knee& step) : knee_(step) {}

  StepShape fit(const std::string&, StepShape in, const ConditionShape&) const override {
    return in;
  }

  double forward(Grid& x, const RuntimeCondition&, Threads& threads,
                 double* by_row) const override {
    std::vector<double> sums(static_cast<size_t>(x.rows));
    net::in_pieces(threads, x.rows, kPiece, [&](int first, int last) {
      for (int t = first; t < last; ++t)
        for (int c = 0; c < x.columns; ++c) sums[static_cast<size_t>(t)] += unbend(x.row(t)[c]);
    });
    return total_of(sums, by_row);
  }

  void inverse(Grid& z, const RuntimeCondition&, Threads& threads) const override {
    net::in_pieces(threads, z.rows, kPiece, [&](int first, int last) {
      for (float* v = z.row(first); v != z.row(last); ++v) bend(*v);
    });
  }

  StepStreamPtr stream() const override { return stream_row_by_row(*this, Sees::nothing); }
  double multiply_adds(int) const override { return 0; }

 private:
  void bend(float& value) const {
    const double z = value, t = std::abs(z) - knee_.start;
    if (!(t > 0)) return;
    const double m = std::min(t, knee_.width);
    const double bent = (1 - knee_.slope) * (m * m / (2 * knee_.width) + t - m);
    value = static_cast<float>(z - std::copysign(bent, z));
  }

  // Returns the logarithm of the slope dz/dx.
  double unbend(float& value) const {
    const double x = value, s = std::abs(x) - knee_.start;
    if (!(s > 0)) return 0;
    const double q = std::min(s, knee_.width * (1 + knee_.slope) / 2);
    const double r = std::sqrt(1 - 2 * q * (1 - knee_.slope) / knee_.width);
    value = static_cast<float>(x + std::copysign(2 * q / (1 + r) + (s - q) / knee_.slope - s, x));
    return -std::log(r);
  }

  Knee knee_;
};

}  // namespace

RuntimeStepPtr make_runtime(const Knee& step, Weights&) {
  return std::make_unique<KneeRuntime>(step);
}

}  // namespace fluvox::flow
