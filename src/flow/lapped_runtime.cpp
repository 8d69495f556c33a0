#include <algorithm>

#include "core/threads.h"
#include "flow/lapped.h"
#include "flow/step_runtime.h"
#include "net/packed.h"

namespace fluvox::flow {
namespace {

constexpr int kPiece = 48;  // frames

class LappedRuntime : public RuntimeStep {
 public:
  explicit LappedRuntime(const Lapped& step)
      : hop_(step.hop),
        dct_(dct(step.hop)),
        sine_(lapped_sines(step.hop)),
        cosine_(lapped_cosines(step.hop)) {}

  StepShape fit(const std::string& where, StepShape in, const ConditionShape&) const override {
    expect_size(where, "channels into lapped", 1, in.channels);
    return {in.samples * hop_, hop_};
  }

  double forward(Grid& x, const RuntimeCondition&, Threads& threads) const override {
    if (x.rows % hop_ != 0)
      throw Error(Fault::input, "shape-mismatch",
                  text(place, ": lapped: expected a length that is a multiple of ", hop_,
                       ", found ", x.rows));
    x.rows /= hop_;
    x.columns = hop_;
    butterflies(x, 1, threads);
    x = transformed(x, threads);
    flip_signs(x);
    return 0;
  }

  void inverse(Grid& z, const RuntimeCondition&, Threads& threads) const override {
    flip_signs(z);
    z = transformed(z, threads);
    butterflies(z, -1, threads);
    z.rows *= hop_;
    z.columns = 1;
  }

 private:
  static net::PackedMatrix dct(int n) {
    const std::vector<double> exact = dct4_matrix(n);
    const std::vector<float> rounded(exact.begin(), exact.end());
    return net::PackedMatrix(rounded.data(), n, 1, n, n);
  }

  // Rotates the samples on both sides of every inner border by +-angle. A border's samples are its
  // own.
  void butterflies(Grid& x, double direction, Threads& threads) const {
    net::in_pieces(threads, std::max(0, x.rows - 1), kPiece, [&](int first, int last) {
      for (int border = first + 1; border <= last; ++border) {
        float* rising = x.row(border);
        float* falling = rising - 1;
        for (size_t i = 0; i < sine_.size(); ++i, ++rising, --falling) {
          const double right = *rising, left = *falling;
          *rising = static_cast<float>(sine_[i] * right + direction * cosine_[i] * left);
          *falling = static_cast<float>(sine_[i] * left - direction * cosine_[i] * right);
        }
      }
    });
  }

  Grid transformed(const Grid& x, Threads& threads) const {
    Grid y(x.rows, hop_);
    net::in_pieces(threads, x.rows, kPiece, [&](int first, int last) {
      const kernels::Segment blocks = dct_.times(x.row(first), hop_);
      kernels::product_cpu(last - first, hop_, nullptr, &blocks, 1, y.row(first), hop_);
    });
    return y;
  }

  // (-1)^(k f): every other bin of every other frame
  void flip_signs(Grid& x) const {
    for (int f = 1; f < x.rows; f += 2)
      for (int k = 1; k < hop_; k += 2) x.row(f)[k] = -x.row(f)[k];
  }

  int hop_;
  net::PackedMatrix dct_;
  std::vector<double> sine_, cosine_;
};

}  // namespace

RuntimeStepPtr make_runtime(const Lapped& step, Weights&) {
  if (step.hop % 2 != 0) config::refuse("lapped", text("expected an even hop, found ", step.hop));
  return std::make_unique<LappedRuntime>(step);
}

}  // namespace fluvox::flow
