#include <algorithm>
#include <optional>

#include "core/threads.h"
#include "net/conv2d.h"
#include "net/fours.h"
#include "net/net_runtime.h"
#include "net/packed.h"

namespace fluvox::net {
namespace {

constexpr int kRowsOfThread = 2;  // go through all layers together, to stay in its cache

void check(const Conv2d& net, const std::string& where) {
  if (net.kernel % 2 == 0)
    config::refuse(where, text("expected an odd kernel, found ", net.kernel));
  for (const int d : net.dilations)
    if (d < 1 || d > 8192)
      config::refuse(where, text("expected dilations from 1 to 8192, found ", d));
}

void relu(const float* x, int count, float* y) {
  for (int i = 0; i < count; ++i) y[i] = x[i] < 0 ? 0.0f : x[i];  // NaN stays NaN
}

// float32 with three taps goes in fours of columns, everything else tap by tap.
bool in_fours(const Conv2d& net, const Weights& weights) {
  return net.kernel == 3 && weights.precision() == Precision::fp32;
}

struct Layer {
  Layer(const Conv2d& net, Weights& weights, const std::string& name, int inputs_, int dilation_)
      : inputs(inputs_), dilation(dilation_) {
    if (in_fours(net, weights)) {
      const std::vector<float> weight =
          weights.take(name + ".weight", {net.channels, inputs, net.kernel, net.kernel});
      fours.emplace(weight, weights.take(name + ".bias", {net.channels}), inputs, net.kernel);
    } else {
      plain.emplace(take_conv(weights, name, net.channels, inputs, {net.kernel, net.kernel}));
    }
  }
  double multiply_adds() const { return fours ? fours->multiply_adds() : plain->multiply_adds(); }

  int inputs, dilation;
  std::optional<ConvInFours> fours;  // one of these two
  std::optional<PackedConv> plain;
};

struct Plan {
  Plan(const Conv2d& net_, Weights& weights)
      : net(net_), last(take_conv(weights, "last", net.outputs, net.channels, {1, 1})) {
    layers.emplace_back(net, weights, "first", net.inputs, 1);
    for (size_t l = 0; l < net.dilations.size(); ++l)
      layers.emplace_back(net, weights, text("layers.", l), net.channels, net.dilations[l]);
  }

  Conv2d net;
  std::vector<Layer> layers;  // the first convolution and the residual ones
  PackedConv last;
};

// The input of one convolution in the precision of its weights: the rows at work, before them the
// kernel - 1 rows that they look back at (zeros at first), and zero columns on both sides.
class PlainRows {
 public:
  PlainRows(int kernel, int columns, int channels, int dilation, int rows, Precision precision)
      : kernel_(kernel), channels_(channels), dilation_(dilation), rows_(kernel - 1 + rows) {
    // A tap further out than the row is wide meets zeros alone: moved nearer it meets the same.
    pad_ = std::min(static_cast<int64_t>(dilation) * (kernel - 1) / 2, int64_t{columns});
    row_places_ = columns + 2 * pad_;
    const int64_t places = row_places_ * rows_;
    if (precision == Precision::bf16)
      rounded_ = RoundedRows(places, channels);
    else
      values_.resize(static_cast<size_t>(places * channels));
  }

  // The positive part of x, or x itself, [columns][channels] as row r: its columns [from, to).
  void put(int r, int from, int to, const float* x, bool rectify) {
    const int64_t first = place(r, from);
    const int values = (to - from) * channels_;
    x += static_cast<int64_t>(from) * channels_;
    if (rounded_.empty()) {
      float* there = values_.data() + first * channels_;
      rectify ? relu(x, values, there) : static_cast<void>(std::copy_n(x, values, there));
    } else if (rectify) {
      thread_local std::vector<float> positive;
      positive.resize(static_cast<size_t>(values));
      relu(x, values, positive.data());
      rounded_.set(first, to - from, positive.data());
    } else {
      rounded_.set(first, to - from, x);
    }
  }

  // Columns [from, to) of row r of the convolution, causal over rows and centred over columns, are
  // set in, or added to, y [to - from][outputs].
  void convolve(const PackedConv& conv, int r, int from, int to, float* y, bool add) const {
    thread_local std::vector<Term> terms;
    thread_local Aligned<float> change;
    terms.clear();
    for (int i = 0; i < kernel_; ++i)
      for (int j = 0; j < kernel_; ++j) {
        const int64_t offset = static_cast<int64_t>(j - (kernel_ - 1) / 2) * dilation_;
        const int64_t first = place(r - (kernel_ - 1) + i, from) + std::clamp(offset, -pad_, pad_);
        const PackedMatrix& tap = conv.taps[static_cast<size_t>(i * kernel_ + j)];
        terms.push_back(rounded_.empty() ? tap.times(values_.data() + first * channels_, channels_)
                                         : tap.times(rounded_, first));
      }
    if (!add) return multiply(to - from, conv.bias, terms, y, conv.outputs());
    const int count = (to - from) * conv.outputs();
    change.resize(static_cast<size_t>(count));
    multiply(to - from, conv.bias, terms, change.data(), conv.outputs());
    for (int i = 0; i < count; ++i) y[i] += change.data()[i];
  }

  // After `rows` rows: the last ones become the past of those that follow.
  void advance(int rows) { first_ = (first_ + rows) % rows_; }

 private:
  int64_t place(int r, int column) const {  // the rows go round
    return int64_t{(first_ + kernel_ - 1 + r) % rows_} * row_places_ + pad_ + column;
  }

  int kernel_, channels_, dilation_;
  int rows_, first_ = 0;
  int64_t pad_, row_places_;
  std::vector<float> values_;  // one of these two
  RoundedRows rounded_;
};

// The input of one layer, as its weights want it.
class Input {
 public:
  Input(const Conv2d& net, const Layer& layer, int columns, int rows) : layer_(layer) {
    if (layer.fours)
      fours_.emplace(net.kernel, columns, layer.inputs, layer.dilation, rows);
    else
      plain_.emplace(net.kernel, columns, layer.inputs, layer.dilation, rows,
                     layer.plain->taps[0].precision());
  }

  int grain() const { return fours_ ? fours_->grain() : 1; }  // parts begin at a multiple of it
  void put(int r, int from, int to, const float* x, bool rectify) {
    fours_ ? fours_->put(r, from, to, x, rectify) : plain_->put(r, from, to, x, rectify);
  }
  void convolve(int r, int from, int to, float* y, bool add) const {
    fours_ ? fours_->convolve(*layer_.fours, r, from, to, y, add)
           : plain_->convolve(*layer_.plain, r, from, to, y, add);
  }
  void advance(int rows) { fours_ ? fours_->advance(rows) : plain_->advance(rows); }

 private:
  const Layer& layer_;
  std::optional<RowsInFours> fours_;  // one of these two
  std::optional<PlainRows> plain_;
};

class Conv2dStream : public NetStream {
 public:
  explicit Conv2dStream(const Plan& plan) : plan_(plan) {}

  int64_t done() const override { return done_; }

  Grid push(const Grid& x, const Window*, bool, Threads& threads) override {
    const int columns = x.columns / plan_.net.inputs;
    if (inputs_.empty()) {
      block_ = kRowsOfThread * threads.size();
      for (const Layer& layer : plan_.layers)
        inputs_.emplace_back(plan_.net, layer, columns, block_);
    }
    Grid out(x.rows, columns * plan_.net.outputs);
    for (int first = 0; first < x.rows; first += block_)
      block(x, columns, first, std::min(block_, x.rows - first), out, threads);
    done_ += x.rows;
    return out;
  }

 private:
  void block(const Grid& x, int columns, int first, int rows, Grid& out, Threads& threads) {
    const int channels = plan_.net.channels;
    const auto h = [&](int r, int column) {
      return h_.data() + (static_cast<int64_t>(r) * columns + column) * channels;
    };
    h_.resize(static_cast<size_t>(rows) * columns * channels);
    in_parts(rows, columns, inputs_[0].grain(), threads, [&](int r, int from, int to) {
      inputs_[0].put(r, from, to, x.row(first + r), false);
    });
    for (size_t l = 0; l < inputs_.size(); ++l) {
      const auto convolve = [&](int r, int from, int to) {
        inputs_[l].convolve(r, from, to, h(r, from), l > 0);
      };
      const auto hand_on = [&](int r, int from, int to) {
        if (l + 1 < inputs_.size()) return inputs_[l + 1].put(r, from, to, h(r, 0), true);
        const int count = (to - from) * channels;
        relu(h(r, from), count, h(r, from));
        multiply(to - from, plan_.last.bias, {plan_.last.taps[0].times(h(r, from), channels)},
                 out.row(first + r) + from * plan_.net.outputs, plan_.net.outputs);
      };
      // What is handed on looks at its neighbours, so the row has to be whole.
      const int grain = l + 1 < inputs_.size() ? inputs_[l + 1].grain() : 1;
      if (parts(rows, threads) == 1) {
        threads.run(rows, [&](int r) {
          convolve(r, 0, columns);
          hand_on(r, 0, columns);
        });
      } else {
        in_parts(rows, columns, inputs_[l].grain(), threads, convolve);
        in_parts(rows, columns, grain, threads, hand_on);
      }
    }
    for (Input& input : inputs_) input.advance(rows);
  }

  // Rows are shared among the threads whole, or in parts where there are few.
  static int parts(int rows, const Threads& threads) {
    return std::max(1, threads.size() / std::max(rows, 1));
  }
  template <class Part>
  static void in_parts(int rows, int columns, int grain, Threads& threads, Part part) {
    const int count = parts(rows, threads), grains = (columns + grain - 1) / grain;
    threads.run(rows * count, [&](int i) {
      const int p = i % count;
      const int from = grains * p / count * grain;
      const int to = std::min(columns, grains * (p + 1) / count * grain);
      if (from < to) part(i / count, from, to);
    });
  }

  const Plan& plan_;
  int64_t done_ = 0;
  int block_ = 0;              // rows at a time
  std::vector<Input> inputs_;  // of every layer
  Aligned<float> h_;           // of the block at work
};

class Conv2dRuntime : public RuntimeNet {
 public:
  Conv2dRuntime(const Conv2d& net, Weights& weights) : plan_(net, weights) {}

  NetShape shape() const override { return {plan_.net.inputs, 0, plan_.net.outputs}; }
  NetStreamPtr stream() const override { return std::make_unique<Conv2dStream>(plan_); }
  double multiply_adds() const override {
    double sum = plan_.last.multiply_adds();
    for (const Layer& layer : plan_.layers) sum += layer.multiply_adds();
    return sum;
  }

 private:
  Plan plan_;
};

}  // namespace

RuntimeNetPtr make_runtime(const Conv2d& net, Weights& weights) {
  check(net, weights.path("net"));
  return std::make_unique<Conv2dRuntime>(net, weights);
}

}  // namespace fluvox::net
