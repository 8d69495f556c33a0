#include "flow/channel_affine_runtime.h"

#include <cmath>

#include "core/threads.h"

namespace fluvox::flow {
namespace {

constexpr int kPiece = 512;  // rows

class ChannelAffineRuntime : public RuntimeStep {
 public:
  ChannelAffineRuntime(const std::string& kind, const std::vector<double>& log_scale,
                       const std::vector<double>& shift)
      : kind_(kind), shift_(shift) {
    for (const double s : log_scale) {
      scale_.push_back(std::exp(s));
      inverse_.push_back(std::exp(-s));
      log_det_ += s;
    }
  }

  StepShape fit(const std::string& where, StepShape in, const ConditionShape&) const override {
    expect_size(where, "channels into " + kind_, static_cast<int64_t>(scale_.size()), in.channels);
    return in;
  }

  double forward(Grid& x, const RuntimeCondition&, Threads& threads,
                 double* by_row) const override {
    each(x, threads, [&](size_t c, double v) { return scale_[c] * v + shift_[c]; });
    return total_of(x.rows, log_det_, by_row);
  }

  void inverse(Grid& z, const RuntimeCondition&, Threads& threads) const override {
    each(z, threads, [&](size_t c, double v) { return (v - shift_[c]) * inverse_[c]; });
  }

  StepStreamPtr stream() const override { return stream_row_by_row(*this, Sees::nothing); }
  double multiply_adds(int channels) const override { return channels; }

 private:
  template <class Map>
  void each(Grid& x, Threads& threads, Map map) const {
    net::in_pieces(threads, x.rows, kPiece, [&](int first, int last) {
      for (int t = first; t < last; ++t) {
        float* row = x.row(t);
        for (size_t c = 0; c < scale_.size(); ++c) row[c] = static_cast<float>(map(c, row[c]));
      }
    });
  }

  std::string kind_;
  std::vector<double> scale_, inverse_, shift_;
  double log_det_ = 0;  // of one row
};

}  // namespace

RuntimeStepPtr make_channel_affine(const std::string& kind, const std::vector<double>& log_scale,
                                   const std::vector<double>& shift) {
  return std::make_unique<ChannelAffineRuntime>(kind, log_scale, shift);
}

}  // namespace fluvox::flow
