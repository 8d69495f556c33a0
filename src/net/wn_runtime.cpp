#include <algorithm>
#include <cstring>
#include <utility>

#include "core/threads.h"
#include "kernels/gate.h"
#include "net/net_runtime.h"
#include "net/packed.h"
#include "net/window.h"
#include "net/wn_folded.h"

namespace fluvox::net {
namespace {

// Rows at a time: what a layer makes of them on the way stays in the cache. In bfloat16 more of
// them, since the weights come no faster.
int piece_rows(Precision precision) { return precision == Precision::bf16 ? 96 : 48; }

PackedMatrix packed(const Matrix& matrix, Precision precision) {
  const std::vector<float> rounded(matrix.values.begin(), matrix.values.end());
  return PackedMatrix(rounded.data(), matrix.outputs, 1, matrix.inputs, matrix.outputs, precision);
}

// A layer of wn_folded.h.
struct Layer {
  int64_t dilation;
  std::vector<PackedMatrix> taps;
  std::vector<PackedMatrix> condition;  // none where there is no condition
  std::vector<float> bias;
  PackedMatrix after;
  std::vector<float> after_bias;
};

struct Plan {
  Plan(const Wn& wn_, Weights& weights) : wn(wn_), precision(weights.precision()) {
    const FoldedWnEnds ends = fold_wn(wn, weights, [&](const FoldedWnLayer& folded) {
      Layer layer{folded.dilation,  {}, {}, folded.bias, packed(folded.after, precision),
                  folded.after_bias};
      for (const Matrix& tap : folded.taps) layer.taps.push_back(packed(tap, precision));
      if (folded.condition) layer.condition.push_back(packed(*folded.condition, precision));
      layers.push_back(std::move(layer));
    });
    out_bias = ends.out_bias;
    start_matrix.push_back(packed(ends.start, precision));
    start_bias = ends.start_bias;
  }

  int64_t reach(const Layer& layer) const { return layer.dilation * (wn.kernel / 2); }

  Wn wn;
  Precision precision;
  std::vector<Layer> layers;
  std::vector<float> out_bias, start_bias;
  std::vector<PackedMatrix> start_matrix;
};

// The input of a layer as rows [first, end) of the series, with the rows of zeros that stand before
// the series and after its end where the layer looks there. In bfloat16 a rounded copy stands
// beside it, for the taps. From push to push the rows that are still needed move to the front.
class Input {
 public:
  Input(int columns, Precision precision)
      : columns_(columns), rounds_(precision == Precision::bf16) {
    if (rounds_) rounded_ = RoundedRows(1, columns);
  }

  // Becomes rows [first, end) with rows [kept, kept_end) as they were, zeros before those, and
  // after `fresh` rows behind those; the fresh ones are to be set.
  void move(int64_t first, int64_t end, int64_t kept, int64_t kept_end, int64_t fresh) {
    const int64_t rows = end - first;
    if (values_.size() < static_cast<size_t>(rows * columns_))
      values_.resize(static_cast<size_t>(rows * columns_));
    if (rounds_) rounded_.grow(rows);
    const int64_t from = kept - first_, to = kept - first, count = kept_end - kept;
    first_ = first;
    end_ = end;
    if (count > 0) {
      std::memmove(row(kept), values_.data() + from * columns_,
                   static_cast<size_t>(count * columns_) * sizeof(float));
      if (rounds_) rounded_.move(from, to, count);
    }
    zero(first, kept);
    zero(kept_end + fresh, end);
  }

  // Nothing follows: a whole series shall not be held once for each layer.
  void free() {
    values_ = {};
    rounded_ = {};
  }

  int64_t end() const { return end_; }
  float* row(int64_t t) { return values_.data() + (t - first_) * columns_; }
  // To be called for rows that are final.
  void round(int64_t from, int64_t to) {
    if (rounds_ && from < to) rounded_.set(from - first_, to - from, row(from));
  }
  Term times(const PackedMatrix& matrix, int64_t from) {
    return rounds_ ? matrix.times(rounded_, from - first_) : matrix.times(row(from), columns_);
  }

 private:
  void zero(int64_t from, int64_t to) {
    if (from >= to) return;
    std::fill_n(row(from), (to - from) * columns_, 0.0f);
    round(from, to);
  }

  int columns_;
  bool rounds_;
  int64_t first_ = 0, end_ = 0;
  std::vector<float> values_;
  RoundedRows rounded_;
};

// What a piece of a layer is made in, on its way.
struct Scratch {
  Scratch(size_t rows, size_t channels, size_t outputs) {
    a.resize(rows * 2 * channels);
    gate.resize(rows * channels);
    change.resize(rows * (channels + outputs));
  }
  static thread_local Aligned<float> a, gate, change;
};

thread_local Aligned<float> Scratch::a, Scratch::gate, Scratch::change;

// Each layer keeps what it still needs of its input and emits with a delay of its reach.
class WnStream : public NetStream {
 public:
  explicit WnStream(const Plan& plan) : plan_(plan), out_(plan.wn.outputs) {
    for (size_t l = 0; l < plan.layers.size(); ++l)
      states_.push_back(
          {0, 0, 0, Input(l == 0 ? plan.wn.inputs + 1 : plan.wn.channels, plan.precision)});
  }

  int64_t done() const override { return states_.back().done; }

  Grid push(const Grid& kept, const Window* features, bool last, Threads& threads) override {
    const int inputs = plan_.wn.inputs;
    Input& x = open(0, kept.rows, last);
    const int64_t received = states_[0].received;
    for (int t = 0; t < kept.rows; ++t) {
      float* to = x.row(received + t);
      std::copy_n(kept.row(t), inputs, to);
      to[inputs] = 1;
    }
    x.round(received, received + kept.rows);
    const int64_t before = done();
    int64_t fresh = kept.rows;
    round_features(features, kept.rows, threads);
    for (size_t l = 0; l < plan_.layers.size(); ++l) {
      const int64_t from = states_[l].done, to = ready(l, fresh, last);
      if (l + 1 < plan_.layers.size()) open(l + 1, to - from, last);
      if (l == 0) begin_out(to - from);
      in_pieces(threads, static_cast<int>(to - from), piece_rows(plan_.precision),
                [&](int first, int end) { run(l, from + first, from + end, to, features); });
      close(l, fresh, to);
      if (last) states_[l].input.free();
      fresh = to - from;
    }
    Grid result = out_.rows(before, done());
    out_.forget(done());
    return result;
  }

 private:
  struct State {
    int64_t received, done;  // rows of input, rows of output
    int64_t needed;          // the first row of input that is still looked at
    Input input;
  };

  // Rows of output that layer l has made when `fresh` more rows of input have come.
  int64_t ready(size_t l, int64_t fresh, bool last) const {
    const State& state = states_[l];
    const int64_t after = state.received + fresh;
    return last ? after : std::max(state.done, after - plan_.reach(plan_.layers[l]));
  }

  // A tap that looks further than where the zeros begin meets zeros alone, and meets the same when
  // it is moved nearer: so a long reach needs no more zeros than there are rows.
  static int64_t zeros_before(int64_t reach, int64_t to) { return std::min(reach, to); }
  static int64_t zeros_after(int64_t reach, int64_t from, int64_t to) {
    return std::min(reach, to - from);
  }

  // The input of layer l with its past in place and room for `fresh` rows.
  Input& open(size_t l, int64_t fresh, bool last) {
    State& state = states_[l];
    const int64_t reach = plan_.reach(plan_.layers[l]), to = ready(l, fresh, last);
    const int64_t begin = std::min(state.done - zeros_before(reach, to), state.needed);
    int64_t end = state.received + fresh;
    if (last) end = std::max(end, to + zeros_after(reach, state.done, to));
    state.input.move(begin, end, state.needed, state.received, fresh);
    return state.input;
  }

  void close(size_t l, int64_t fresh, int64_t to) {
    State& state = states_[l];
    state.received += fresh;
    state.done = to;
    state.needed = std::clamp<int64_t>(to - plan_.reach(plan_.layers[l]), 0, state.received);
  }

  // All layers read the same features: rounded once for them, up to those beside the fresh rows.
  void round_features(const Window* features, int64_t fresh, Threads& threads) {
    if (features == nullptr || plan_.precision != Precision::bf16) return;
    features_from_ = done();
    const int64_t rows = states_[0].received + fresh - features_from_;
    features_ = RoundedRows(rows, features->columns());
    in_pieces(threads, static_cast<int>(rows), 64, [&](int first, int end) {
      features_.set(first, end - first, features->row(features_from_ + first));
    });
  }

  void begin_out(int64_t rows) {
    const int64_t from = out_.end();
    out_.grow(rows);
    for (int64_t t = from; t < out_.end(); ++t)
      std::copy(plan_.out_bias.begin(), plan_.out_bias.end(), out_.row(t));
  }

  // Rows [first, end) of layer l, of those up to `to` that are made now.
  void run(size_t l, int64_t first, int64_t end, int64_t to, const Window* features) {
    const Layer& layer = plan_.layers[l];
    Input& x = states_[l].input;
    const int rows = static_cast<int>(end - first), channels = plan_.wn.channels;
    const int64_t nearest = -zeros_before(plan_.reach(layer), to);
    const int64_t furthest = x.end() - to;
    thread_local std::vector<Term> terms;
    terms.clear();
    for (int tap = 0; tap < plan_.wn.kernel; ++tap) {
      const int64_t offset = (tap - plan_.wn.kernel / 2) * layer.dilation;
      terms.push_back(x.times(layer.taps[static_cast<size_t>(tap)],
                              first + std::clamp(offset, nearest, furthest)));
    }
    for (const PackedMatrix& condition : layer.condition)
      terms.push_back(features_.empty() ? condition.times(features->row(first), features->columns())
                                        : condition.times(features_, first - features_from_));

    const int outputs = plan_.wn.outputs;
    const int columns = static_cast<int>(layer.after_bias.size());
    const Scratch scratch(static_cast<size_t>(rows), static_cast<size_t>(channels),
                          static_cast<size_t>(outputs));
    float *a = scratch.a.data(), *gate = scratch.gate.data(), *change = scratch.change.data();
    multiply(rows, layer.bias, terms, a, 2 * channels);
    kernels::gate_cpu(rows, channels, a, 2 * channels, nullptr, 0, gate, channels);
    multiply(rows, layer.after_bias, {layer.after.times(gate, channels)}, change, columns);
    Input* next = l + 1 < states_.size() ? &states_[l + 1].input : nullptr;
    if (l == 0 && next)
      multiply(rows, plan_.start_bias, {x.times(plan_.start_matrix.front(), first)},
               next->row(first), channels);
    for (int t = 0; t < rows; ++t) {
      const float* r = change + static_cast<std::ptrdiff_t>(t) * columns;
      if (next) {
        float* after = next->row(first + t);
        const float* before = l == 0 ? after : x.row(first + t);
        for (int c = 0; c < channels; ++c) after[c] = before[c] + r[c];
        r += channels;
      }
      float* sum = out_.row(first + t);
      for (int c = 0; c < outputs; ++c) sum[c] += r[c];
    }
    if (next) next->round(first, end);
  }

  const Plan& plan_;
  std::vector<State> states_;
  Window out_;            // rows that the last layer has not reached yet
  RoundedRows features_;  // in bfloat16, from this row on
  int64_t features_from_ = 0;
};

class WnRuntime : public RuntimeNet {
 public:
  WnRuntime(const Wn& wn, Weights& weights) : plan_(wn, weights) {}

  NetShape shape() const override {
    return {plan_.wn.inputs, plan_.wn.condition, plan_.wn.outputs};
  }
  NetStreamPtr stream() const override { return std::make_unique<WnStream>(plan_); }
  int64_t look_ahead() const override {
    int64_t sum = 0;
    for (const Layer& layer : plan_.layers) sum += plan_.reach(layer);
    return sum;
  }
  double multiply_adds() const override {
    double sum = plan_.wn.layers > 1 ? plan_.start_matrix.front().multiply_adds() : 0;
    for (const Layer& layer : plan_.layers) {
      for (const PackedMatrix& tap : layer.taps) sum += tap.multiply_adds();
      for (const PackedMatrix& condition : layer.condition) sum += condition.multiply_adds();
      sum += layer.after.multiply_adds();
    }
    return sum;
  }

 private:
  Plan plan_;
};

}  // namespace

RuntimeNetPtr make_runtime(const Wn& wn, Weights& weights) {
  check(wn);
  return std::make_unique<WnRuntime>(wn, weights);
}

}  // namespace fluvox::net
