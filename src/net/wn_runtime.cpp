#include <algorithm>
#include <cstring>
#include <optional>

#include "core/threads.h"
#include "kernels/gate.h"
#include "net/net_runtime.h"
#include "net/packed.h"
#include "net/window.h"
#include "net/wn.h"

namespace fluvox::net {
namespace {

// Rows at a time: what a layer makes of them on the way stays in the cache. In bfloat16 more of
// them, since the weights come no faster.
int piece_rows(Precision precision) { return precision == Precision::bf16 ? 96 : 48; }

// A convolution or 1x1 as read from the file, in double: weight [outputs][inputs][taps].
struct Exact {
  Exact(Weights& weights, const std::string& name, int outputs_, int inputs_, int taps_)
      : outputs(outputs_), inputs(inputs_), taps(taps_) {
    const std::vector<float> w = weights.take(name + ".weight", {outputs, inputs, taps});
    const std::vector<float> b = weights.take(name + ".bias", {outputs});
    weight.assign(w.begin(), w.end());
    bias.assign(b.begin(), b.end());
  }
  double at(int o, int i, int tap = 0) const {
    return weight[(static_cast<size_t>(o) * inputs + i) * taps + tap];
  }

  int outputs, inputs, taps;
  std::vector<double> weight, bias;
};

// A matrix [inputs][outputs] in double, on its way to being packed.
struct Matrix {
  Matrix(int inputs_, int outputs_)
      : inputs(inputs_), outputs(outputs_), values(static_cast<size_t>(inputs_) * outputs_) {}
  double& at(int i, int o) { return values[static_cast<size_t>(i) * outputs + o]; }
  PackedMatrix packed(Precision precision) const {
    const std::vector<float> rounded(values.begin(), values.end());
    return PackedMatrix(rounded.data(), outputs, 1, inputs, outputs, precision);
  }

  int inputs, outputs;
  std::vector<double> values;
};

// One layer after the exact folds.
//   a = in(x) + cond(features)     x: the residual stream, or, in layer 0, [kept | 1], since start
//   is
//                                  folded into it (the ones make start's bias end where the
//                                  padding begins)
//   [change of the residual stream | change of out] = after(gate(a))     skip and end folded: what
//                                  a layer sends to the skips only ever meets end
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
    const int channels = wn.channels;
    const Exact start(weights, "start", channels, wn.inputs, 1);
    const Exact end(weights, "end", wn.outputs, channels, 1);
    std::optional<Exact> condition;
    if (wn.condition > 0)
      condition.emplace(weights, "cond_layer", 2 * channels * wn.layers, wn.condition, 1);
    std::vector<double> last_bias = end.bias;
    for (int l = 0; l < wn.layers; ++l) {
      const bool last = l + 1 == wn.layers;
      const Exact in(weights, text("in_layers.", l), 2 * channels, channels, wn.kernel);
      const Exact res_skip(weights, text("res_skip_layers.", l), last ? channels : 2 * channels,
                           channels, 1);
      layers.push_back({int64_t{1} << l, taps_of(in, l == 0 ? &start : nullptr),
                        condition_of(condition, l), bias_of(in, condition, l),
                        after(res_skip, end, last), after_bias(res_skip, last)});
      for (int o = 0; o < wn.outputs; ++o)
        for (int c = 0; c < channels; ++c)
          last_bias[static_cast<size_t>(o)] +=
              end.at(o, c) * res_skip.bias[static_cast<size_t>(last ? c : channels + c)];
    }
    out_bias.assign(last_bias.begin(), last_bias.end());
    Matrix matrix(wn.inputs, channels);
    for (int i = 0; i < wn.inputs; ++i)
      for (int c = 0; c < channels; ++c) matrix.at(i, c) = start.at(c, i);
    start_matrix.push_back(matrix.packed(precision));
    start_bias.assign(start.bias.begin(), start.bias.end());
  }

  int64_t reach(const Layer& layer) const { return layer.dilation * (wn.kernel / 2); }

  Wn wn;
  Precision precision;
  std::vector<Layer> layers;
  std::vector<float> out_bias, start_bias;
  std::vector<PackedMatrix> start_matrix;

 private:
  std::vector<PackedMatrix> taps_of(const Exact& in, const Exact* start) const {
    std::vector<PackedMatrix> taps;
    for (int tap = 0; tap < in.taps; ++tap) {
      Matrix matrix(start ? start->inputs + 1 : in.inputs, in.outputs);
      for (int o = 0; o < in.outputs; ++o)
        for (int c = 0; c < in.inputs; ++c) {
          const double w = in.at(o, c, tap);
          if (!start) {
            matrix.at(c, o) = w;
            continue;
          }
          for (int i = 0; i < start->inputs; ++i) matrix.at(i, o) += w * start->at(c, i);
          matrix.at(start->inputs, o) += w * start->bias[static_cast<size_t>(c)];
        }
      taps.push_back(matrix.packed(precision));
    }
    return taps;
  }

  std::vector<PackedMatrix> condition_of(const std::optional<Exact>& condition, int l) const {
    if (!condition) return {};
    Matrix matrix(wn.condition, 2 * wn.channels);
    for (int i = 0; i < wn.condition; ++i)
      for (int o = 0; o < 2 * wn.channels; ++o)
        matrix.at(i, o) = condition->at(2 * wn.channels * l + o, i);
    return {matrix.packed(precision)};
  }

  static std::vector<float> bias_of(const Exact& in, const std::optional<Exact>& condition, int l) {
    std::vector<float> bias;
    for (size_t o = 0; o < in.bias.size(); ++o)
      bias.push_back(static_cast<float>(
          in.bias[o] +
          (condition ? condition->bias[in.bias.size() * static_cast<size_t>(l) + o] : 0.0)));
    return bias;
  }

  // [channels] -> [residual: channels, none in the last layer | out: outputs]
  PackedMatrix after(const Exact& res_skip, const Exact& end, bool last) const {
    const int residual = last ? 0 : wn.channels;
    Matrix matrix(wn.channels, residual + wn.outputs);
    for (int i = 0; i < wn.channels; ++i) {
      for (int o = 0; o < residual; ++o) matrix.at(i, o) = res_skip.at(o, i);
      for (int o = 0; o < wn.outputs; ++o)
        for (int c = 0; c < wn.channels; ++c)
          matrix.at(i, residual + o) += end.at(o, c) * res_skip.at(residual + c, i);
    }
    return matrix.packed(precision);
  }

  std::vector<float> after_bias(const Exact& res_skip, bool last) const {
    std::vector<float> bias(static_cast<size_t>((last ? 0 : wn.channels) + wn.outputs), 0.0f);
    if (!last) std::copy_n(res_skip.bias.begin(), wn.channels, bias.begin());
    return bias;
  }
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
    std::memmove(row(kept), values_.data() + from * columns_,
                 static_cast<size_t>(count * columns_) * sizeof(float));
    if (rounds_) rounded_.move(from, to, count);
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
    round_features(features, threads);
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

  // All layers read the same features: rounded once for them.
  void round_features(const Window* features, Threads& threads) {
    if (features == nullptr || plan_.precision != Precision::bf16) return;
    features_from_ = done();
    const int64_t rows = features->end() - features_from_;
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
