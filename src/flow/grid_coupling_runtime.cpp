#include <algorithm>

#include "core/threads.h"
#include "flow/affine.h"
#include "flow/grid_coupling.h"
#include "flow/step_runtime.h"
#include "net/weights.h"

namespace fluvox::flow {
namespace {

constexpr int kPiece = 64;  // rows

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

  double forward(Grid& x, const RuntimeCondition& condition, Threads& threads) const override {
    const Places places = places_of(x);
    const Grid out = net_->forward(seen(x, places, condition.features, threads), nullptr, threads);
    return affine_forward(places.rows, places.columns, places.changed, affine(out), threads);
  }

  void inverse(Grid& z, const RuntimeCondition& condition, Threads& threads) const override {
    const Places places = places_of(z);
    const Grid out = net_->forward(seen(z, places, condition.features, threads), nullptr, threads);
    affine_inverse(places.rows, places.columns, places.changed, affine(out), threads);
  }

 private:
  // The changed places as a grid of their own, [rows][columns]. Row p is frame p or, where frames
  // alternate, frame 2p + 1 - keep; likewise column j and bins.
  struct Places {
    int rows, columns;
    kernels::View changed;
  };

  Places places_of(Grid& x) const {
    const int first = 1 - keep_;
    if (frames_)
      return {(x.rows + keep_) / 2,
              x.columns,
              {x.values.data() + static_cast<std::ptrdiff_t>(first) * x.columns,
               2 * std::ptrdiff_t{x.columns}}};
    return {x.rows, x.columns / 2, {x.values.data() + first, x.columns, 2}};
  }

  // What the net sees at every changed place: the kept neighbour, the maps here, the maps there.
  // The kept neighbour of a frame is the one before it: nothing, and maps of zeros, before the
  // first.
  Grid seen(const Grid& x, const Places& places, const Grid& features, Threads& threads) const {
    const int maps = features.columns / x.columns, inputs = 1 + 2 * maps;
    Grid grid(places.rows, places.columns * inputs);
    net::in_pieces(threads, places.rows, kPiece, [&](int first, int last) {
      for (int row = first; row < last; ++row) {
        const int changed_frame = frames_ ? 2 * row + 1 - keep_ : row;
        const int kept_frame = frames_ ? changed_frame - 1 : row;
        for (int column = 0; column < places.columns; ++column) {
          const int changed_bin = frames_ ? column : 2 * column + 1 - keep_;
          const int kept_bin = frames_ ? column : 2 * column + keep_;
          const float* here = features.row(changed_frame) + std::ptrdiff_t{changed_bin} * maps;
          float* to = grid.row(row) + std::ptrdiff_t{column} * inputs;
          std::copy(here, here + maps, to + 1);
          if (kept_frame < 0) continue;
          const float* there = features.row(kept_frame) + std::ptrdiff_t{kept_bin} * maps;
          to[0] = x.row(kept_frame)[kept_bin];
          std::copy(there, there + maps, to + 1 + maps);
        }
      }
    });
    return grid;
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

}  // namespace

RuntimeStepPtr make_runtime(const GridCoupling& step, Weights& weights) {
  return std::make_unique<GridCouplingRuntime>(step, weights);
}

}  // namespace fluvox::flow
