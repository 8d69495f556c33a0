#include <algorithm>
#include <vector>

#include "core/threads.h"
#include "flow/affine.h"
#include "flow/grid_coupling.h"
#include "flow/step_runtime.h"
#include "net/weights.h"

namespace fluvox::flow {
namespace {

constexpr int kPiece = 8;  // rows

class GridCouplingRuntime : public RuntimeStep {
 public:
  GridCouplingRuntime(const GridCoupling& step, Weights& weights)
      : frames_(step.axis == "frames"), keep_(step.keep), limit_(step.limit) {
    Weights inner = weights.in("net");
    net_ = net::make_runtime_net(step.net, weights.path("net"), inner);
  }

  StepShape fit(const std::string& where, StepShape in,
                const ConditionShape& condition) const override {
    if (!frames_) expect_size(where, "bins left over after pairing", 0, in.channels % 2);
    expect_size(where, "bins of the condition", in.channels, condition.bins);
    expect_size(where, "samples in a row of the condition", in.samples, condition.row_samples);
    const net::NetShape net = net_->shape();
    expect_size(where, "inputs of the net", 1 + 2 * condition.channels, net.inputs);
    expect_size(where, "outputs of the net", 2, net.outputs);
    expect_size(where, "channels of the net's condition", 0, net.condition);
    return in;
  }

  double forward(Grid& x, const RuntimeCondition& condition, Threads& threads,
                 double* by_row) const override {
    const Places places = places_of(x, 0, 0);
    Grid sees;
    see(x, places, condition.features.row(0), condition.features.columns, threads, sees);
    const Grid out = net_->forward(sees, nullptr, threads);
    std::vector<double> shares(static_cast<size_t>(by_row ? places.rows : 0));
    const double log_det = affine_forward(places.rows, places.columns, places.changed, affine(out),
                                          threads, by_row ? shares.data() : nullptr);
    for (size_t row = 0; row < shares.size(); ++row)
      by_row[static_cast<size_t>(places.frame) + (frames_ ? 2 * row : row)] += shares[row];
    return log_det;
  }

  void inverse(Grid& z, const RuntimeCondition& condition, Threads& threads) const override {
    const Places places = places_of(z, 0, 0);
    Grid sees;
    see(z, places, condition.features.row(0), condition.features.columns, threads, sees);
    const Grid out = net_->forward(sees, nullptr, threads);
    affine_inverse(places.rows, places.columns, places.changed, affine(out), threads);
  }

  StepStreamPtr stream() const override;
  // Half of all places change, whichever axis alternates.
  double multiply_adds(int channels) const override {
    return (net_->multiply_adds() + 1) * channels / 2;
  }

 private:
  friend class GridCouplingStream;

  // The changed places of a grid whose row 0 is frame `first`, from frame `from` on, as a grid of
  // their own, [rows][columns].
  struct Places {
    int rows, columns;
    int frame;  // row of x where the first changed frame stands
    kernels::View changed;
  };

  Places places_of(Grid& x, int64_t first, int64_t from) const {
    const auto skipped = static_cast<int>(from - first);
    if (!frames_)
      return {
          x.rows - skipped, x.columns / 2, skipped, {x.row(skipped) + (1 - keep_), x.columns, 2}};
    const int frame = skipped + (from % 2 == 1 - keep_ ? 0 : 1);
    return {std::max(0, (x.rows - frame + 1) / 2),
            x.columns,
            frame,
            {x.row(frame), 2 * std::ptrdiff_t{x.columns}}};
  }

  // What the net sees at every changed place: the kept neighbour, the maps here, the maps there.
  // The kept neighbour of a frame is the one before it: nothing, and maps of zeros, before the
  // first. The rows of `features`, of so many columns, stand beside those of x.
  void see(const Grid& x, const Places& places, const float* features, int feature_columns,
           Threads& threads, Grid& grid) const {
    const int maps = feature_columns / x.columns, inputs = 1 + 2 * maps;
    grid.rows = places.rows;
    grid.columns = places.columns * inputs;
    grid.values.resize(static_cast<size_t>(grid.rows) * static_cast<size_t>(grid.columns));
    const auto maps_of = [&](int frame, int bin) {
      return features + std::ptrdiff_t{frame} * feature_columns + std::ptrdiff_t{bin} * maps;
    };
    net::in_pieces(threads, places.rows, kPiece, [&](int first, int last) {
      for (int row = first; row < last; ++row) {
        const int changed_frame = places.frame + (frames_ ? 2 * row : row);
        const int kept_frame = frames_ ? changed_frame - 1 : changed_frame;
        for (int column = 0; column < places.columns; ++column) {
          const int changed_bin = frames_ ? column : 2 * column + 1 - keep_;
          const int kept_bin = frames_ ? column : 2 * column + keep_;
          const float* here = maps_of(changed_frame, changed_bin);
          float* to = grid.row(row) + std::ptrdiff_t{column} * inputs;
          std::copy(here, here + maps, to + 1);
          if (kept_frame < 0) {
            to[0] = 0;
            std::fill_n(to + 1 + maps, maps, 0.0f);
            continue;
          }
          const float* there = maps_of(kept_frame, kept_bin);
          to[0] = x.row(kept_frame)[kept_bin];
          std::copy(there, there + maps, to + 1 + maps);
        }
      }
    });
  }

  Affine affine(const Grid& out) const {  // [rows][columns * 2]: b and raw side by side
    return {{out.values.data(), out.columns, 2},
            bounded_log_scale({out.values.data() + 1, out.columns, 2}, limit_)};
  }

  bool frames_;
  int keep_;
  double limit_;
  net::RuntimeNetPtr net_;
};

// Causal in time: every frame leaves as it comes. Where frames alternate, the last one is kept to
// be the neighbour of the next.
class GridCouplingStream : public StepStream {
 public:
  explicit GridCouplingStream(const GridCouplingRuntime& step)
      : step_(step), net_(step.net_->stream()) {}

  Grid push(Grid z, const ConditionWindow& condition, bool last, Threads& threads) override {
    if (z.rows == 0) return z;
    const int before = step_.frames_ && frames_ > 0 ? 1 : 0;
    const int64_t first = frames_ - before;
    Grid x(before + z.rows, z.columns);
    std::copy(neighbour_.values.begin(), neighbour_.values.end(), x.row(0));
    std::copy(z.values.begin(), z.values.end(), x.row(before));
    const auto places = step_.places_of(x, first, frames_);
    frames_ += z.rows;
    step_.see(x, places, condition.features.row(first), condition.features.columns(), threads,
              sees_);
    const Grid out = net_->push(sees_, nullptr, last, threads);
    if (places.rows > 0)
      affine_inverse(places.rows, places.columns, places.changed, step_.affine(out), threads);
    std::copy_n(x.row(before), z.values.size(), z.values.begin());
    if (step_.frames_ && z.rows > 0) {
      neighbour_ = Grid(1, z.columns);
      std::copy_n(z.row(z.rows - 1), z.columns, neighbour_.row(0));
    }
    return z;
  }
  int64_t needed() const override { return frames_ - (step_.frames_ && frames_ > 0 ? 1 : 0); }

 private:
  const GridCouplingRuntime& step_;
  net::NetStreamPtr net_;
  int64_t frames_ = 0;
  Grid neighbour_;
  Grid sees_;  // what the net sees of the frames at work
};

StepStreamPtr GridCouplingRuntime::stream() const {
  if (!net_->stream()) return nullptr;
  return std::make_unique<GridCouplingStream>(*this);
}

}  // namespace

RuntimeStepPtr make_runtime(const GridCoupling& step, Weights& weights) {
  return std::make_unique<GridCouplingRuntime>(step, weights);
}

}  // namespace fluvox::flow
