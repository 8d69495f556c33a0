// Steps whose rows do not see each other: linear ones, and the knee.
#include "cuda/linear.h"

namespace fluvox::cuda {
namespace {

class LinearStage : public FoldingStage {
 public:
  explicit LinearStage(const Linear& linear) : FoldingStage(linear.channels) {
    FoldingStage::take(linear);
  }

  void lay(Tape& tape, const Rows<float>& z, const Rows<float>& x, int column) const override {
    add_coupled(tape, rows(z, x, column), x.delay);
  }
};

class KneeStage : public Stage {
 public:
  KneeStage(const flow::Knee& knee, int channels)
      : knee_{knee.start, knee.width, knee.slope}, channels_(channels) {}

  void lay(Tape& tape, const Rows<float>& z, const Rows<float>& x, int) const override {
    const int64_t delay = z.delay;
    tape.over(delay, [=, this](auto... rows) {
      return kernels::bent_rows_cuda(z.at(delay), x.at(delay), channels_, knee_, rows...);
    });
  }

 private:
  kernels::Knee knee_;
  int channels_;
};

}  // namespace

void add_coupled(Tape& tape, const kernels::CoupledRows& coupled, int64_t delay) {
  tape.over(delay, [=](auto... rows) { return kernels::coupled_rows_cuda(coupled, rows...); });
}

void bound_by(double limit, kernels::CoupledRows& coupled) {
  if (!(limit > 0)) return;
  coupled.bound = kernels::ScaleBound::tanh;
  coupled.limit = static_cast<float>(limit);
}

void Linear::then(const Linear& next) {
  const auto n = static_cast<size_t>(channels);
  Linear both{channels, std::vector<double>(n * n, 0.0), next.constant};
  for (size_t i = 0; i < n; ++i)
    for (size_t k = 0; k < n; ++k) {
      both.constant[i] += next.matrix[i * n + k] * constant[k];
      for (size_t j = 0; j < n; ++j)
        both.matrix[i * n + j] += next.matrix[i * n + k] * matrix[k * n + j];
    }
  *this = both;
}

bool FoldingStage::take(const Linear& linear) {
  if (folded_)
    folded_->then(linear);
  else
    folded_ = linear;
  return true;
}

void FoldingStage::seal() {
  if (!folded_) return;
  matrix_ = Constant(std::vector<float>(folded_->matrix.begin(), folded_->matrix.end()));
  constant_ = Constant(std::vector<float>(folded_->constant.begin(), folded_->constant.end()));
}

kernels::CoupledRows FoldingStage::rows(const Rows<float>& z, const Rows<float>& x,
                                        int column) const {
  kernels::CoupledRows rows{};
  rows.channels = channels_;
  rows.step = 1;
  rows.z = z.at(x.delay);
  rows.z_stride = z.width;
  rows.y = x.at(x.delay) + column;
  rows.y_stride = x.width;
  if (folded_) {
    rows.matrix = matrix_.data();
    rows.constant = constant_.data();
  }
  return rows;
}

StagePtr make_linear(const Linear& linear) { return std::make_unique<LinearStage>(linear); }

StagePtr make_knee(const flow::Knee& knee, int channels) {
  return std::make_unique<KneeStage>(knee, channels);
}

}  // namespace fluvox::cuda
