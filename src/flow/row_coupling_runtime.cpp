
#include "core/threads.h"
#include "flow/row_coupling.h"
#include "flow/step_runtime.h"
#include "net/anywhere.h"
#include "net/weights.h"

namespace fluvox::flow {
namespace {

constexpr int kPiece = 256;  // columns

class RowCouplingRuntime : public RuntimeStep {
 public:
  RowCouplingRuntime(const RowCoupling& step, Weights& weights)
      : order_(order_of(step)), limit_(static_cast<float>(step.limit)) {
    Weights inner = weights.in("net");
    net_ = net::make_runtime_net(step.net, weights.path("net"), inner);
    if (net_->order() != net::Order::rows)
      throw Error(Fault::input, "net-not-autoregressive",
                  text(weights.path("net"),
                       ": expected a net that is autoregressive over rows (wn2d), found '",
                       kind_of(step.net, weights.path("net")), "'"));
  }

  StepShape fit(const std::string& where, StepShape in,
                const ConditionShape& condition) const override {
    const auto rows = static_cast<int64_t>(order_.size());
    expect_size(where, "rows of row_coupling", rows, in.channels);
    expect_size(where, "samples in a row of the condition", in.samples, condition.row_samples);
    const net::NetShape net = net_->shape();
    expect_size(where, "inputs of the net", 1, net.inputs);
    expect_size(where, "outputs of the net", 2, net.outputs);
    expect_size(where, "channels of the net's condition, over all rows", condition.channels,
                net.condition * rows);
    return in;
  }

  // Every row of the grid waits for the whole of the one before.
  StepStreamPtr stream() const override { return nullptr; }
  double multiply_adds(int rows) const override { return net_->multiply_adds() * (rows - 1); }

  double forward(Grid& x, const RuntimeCondition& condition, Threads& threads,
                 double* by_row) const override {
    return total_of(
        each_row(x, condition, threads, true,
                 [](float v, float b, float s) { return net::exp_anywhere(s) * v + b; }),
        by_row);
  }

  void inverse(Grid& z, const RuntimeCondition& condition, Threads& threads) const override {
    each_row(z, condition, threads, false,
             [](float v, float b, float s) { return (v - b) * net::exp_anywhere(-s); });
  }

 private:
  // Row after row through `map`; the net sees the rows before as they came in, or as they went out.
  // Returns the sums of s over the rows, for each column.
  template <class Map>
  std::vector<double> each_row(Grid& x, const RuntimeCondition& condition, Threads& threads,
                               bool sees_given, Map map) const {
    const int columns = x.rows, channels = net_->shape().condition;
    const auto net = net_->serial(columns);
    std::vector<float> before(static_cast<size_t>(columns));
    Grid features(columns, channels), out(columns, 2);
    std::vector<double> sums(static_cast<size_t>(columns));
    for (int t = 0; t < columns; ++t) before[static_cast<size_t>(t)] = x.row(t)[order_[0]];
    for (size_t i = 1; i < order_.size(); ++i) {
      gather(condition.features, order_[i], features, threads);
      net->next(before.data(), features.row(0), out.row(0), threads);
      net::in_pieces(threads, columns, kPiece, [&](int first, int last) {
        for (int t = first; t < last; ++t) {
          float& value = x.row(t)[order_[i]];
          const float raw = out.row(t)[1];
          const float s = limit_ > 0 ? limit_ * net::tanh_anywhere(raw / limit_) : raw;
          const float given = value;
          value = map(given, out.row(t)[0], s);
          before[static_cast<size_t>(t)] = sees_given ? given : value;
          sums[static_cast<size_t>(t)] += s;
        }
      });
    }
    return sums;
  }

  // The condition of one row of the grid, [T'][condition].
  void gather(const Grid& all, int row, Grid& features, Threads& threads) const {
    const auto rows = static_cast<std::ptrdiff_t>(order_.size());
    net::in_pieces(threads, all.rows, kPiece, [&](int first, int last) {
      for (int t = first; t < last; ++t) {
        const float* from = all.row(t) + row;
        float* to = features.row(t);
        for (int c = 0; c < features.columns; ++c) to[c] = from[c * rows];
      }
    });
  }

  std::vector<int> order_;
  float limit_;
  net::RuntimeNetPtr net_;
};

}  // namespace

RuntimeStepPtr make_runtime(const RowCoupling& step, Weights& weights) {
  return std::make_unique<RowCouplingRuntime>(step, weights);
}

}  // namespace fluvox::flow
