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

  double forward(Grid& x, const RuntimeCondition&, Threads& threads, double*) const override {
    if (x.rows % hop_ != 0)
      throw Error(Fault::input, "shape-mismatch",
                  text(place, ": lapped: expected a length that is a multiple of ", hop_,
                       ", found ", x.rows));
    x.rows /= hop_;
    x.columns = hop_;
    butterflies(x, 1, threads);
    x = transformed(x, threads);
    flip_signs(x, 0);
    return 0;
  }

  void inverse(Grid& z, const RuntimeCondition&, Threads& threads) const override {
    flip_signs(z, 0);
    z = transformed(z, threads);
    butterflies(z, -1, threads);
    z.rows *= hop_;
    z.columns = 1;
  }

  StepStreamPtr stream() const override;
  int64_t look_ahead() const override { return 1; }
  double multiply_adds(int) const override { return dct_.multiply_adds(); }

 private:
  friend class LappedStream;

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
      net::multiply(last - first, hop_, nullptr, {dct_.times(x.row(first), hop_)}, y.row(first),
                    hop_);
    });
    return y;
  }

  // (-1)^(k f): every other bin of every other frame; row 0 is frame `first`
  void flip_signs(Grid& x, int64_t first) const {
    for (int f = first % 2 == 0 ? 1 : 0; f < x.rows; f += 2)
      for (int k = 1; k < hop_; k += 2) x.row(f)[k] = -x.row(f)[k];
  }

  int hop_;
  net::PackedMatrix dct_;
  std::vector<double> sine_, cosine_;
};

// The half of a frame beside its next border waits for the next frame.
class LappedStream : public StepStream {
 public:
  explicit LappedStream(const LappedRuntime& step) : step_(step) {}

  Grid push(Grid z, const ConditionWindow&, bool last, Threads& threads) override {
    const int hop = step_.hop_, waiting = frames_ == 0 ? 0 : 1, half = hop / 2;
    step_.flip_signs(z, frames_);
    frames_ += z.rows;
    const Grid fresh = step_.transformed(z, threads);
    Grid x(waiting + z.rows, hop);
    std::copy(waiting_.values.begin(), waiting_.values.end(), x.row(0));
    std::copy(fresh.values.begin(), fresh.values.end(), x.row(waiting));
    step_.butterflies(x, -1, threads);
    // What has left already: the first half of the frame that waited.
    const int from = waiting == 0 ? 0 : half, to = std::max(from, x.rows * hop - (last ? 0 : half));
    Grid samples(to - from, 1);
    std::copy_n(x.values.begin() + from, to - from, samples.values.begin());
    if (x.rows > 0) {
      waiting_ = Grid(1, hop);
      std::copy_n(x.row(x.rows - 1), hop, waiting_.row(0));
    }
    return samples;
  }
  int64_t needed() const override { return frames_; }

 private:
  const LappedRuntime& step_;
  int64_t frames_ = 0;
  Grid waiting_;  // the last frame so far
};

StepStreamPtr LappedRuntime::stream() const { return std::make_unique<LappedStream>(*this); }

}  // namespace

RuntimeStepPtr make_runtime(const Lapped& step, Weights&) {
  if (step.hop % 2 != 0) config::refuse("lapped", text("expected an even hop, found ", step.hop));
  return std::make_unique<LappedRuntime>(step);
}

}  // namespace fluvox::flow
