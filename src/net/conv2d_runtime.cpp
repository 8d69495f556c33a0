#include <algorithm>

#include "core/threads.h"
#include "net/conv2d.h"
#include "net/net_runtime.h"
#include "net/packed.h"

namespace fluvox::net {
namespace {

constexpr int kBlock = 32;  // rows that go through all layers together, to stay in the cache

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

struct Plan {
  Plan(const Conv2d& net_, Weights& weights)
      : net(net_),
        first(take_conv(weights, "first", net.channels, net.inputs, {net.kernel, net.kernel})),
        last(take_conv(weights, "last", net.outputs, net.channels, {1, 1})) {
    for (size_t l = 0; l < net.dilations.size(); ++l)
      layers.push_back(take_conv(weights, text("layers.", l), net.channels, net.channels,
                                 {net.kernel, net.kernel}));
  }

  Conv2d net;
  PackedConv first, last;
  std::vector<PackedConv> layers;
};

// The input of one convolution in the precision of its weights: the rows at work, before them the
// kernel - 1 rows that they look back at (zeros at first), and zero columns on both sides.
class Input {
 public:
  Input(int kernel, int columns, int channels, int dilation, Precision precision)
      : kernel_(kernel), channels_(channels), dilation_(dilation) {
    // A tap further out than the row is wide meets zeros alone: moved nearer it meets the same.
    pad_ = std::min(static_cast<int64_t>(dilation) * (kernel - 1) / 2, int64_t{columns});
    row_places_ = columns + 2 * pad_;
    const int64_t places = row_places_ * (kernel - 1 + kBlock);
    if (precision == Precision::bf16)
      rounded_ = RoundedRows(places, channels);
    else
      values_.resize(static_cast<size_t>(places * channels));
  }

  // x [count][channels], or where `rectify` its positive part, at row r from column `from` on.
  void put(int r, int from, int count, const float* x, bool rectify) {
    const int64_t first = place(r, from);
    const int values = count * channels_;
    if (rounded_.empty()) {
      float* to = values_.data() + first * channels_;
      rectify ? relu(x, values, to) : static_cast<void>(std::copy_n(x, values, to));
    } else if (rectify) {
      thread_local std::vector<float> positive;
      positive.resize(static_cast<size_t>(values));
      relu(x, values, positive.data());
      rounded_.set(first, count, positive.data());
    } else {
      rounded_.set(first, count, x);
    }
  }

  // Row r of the convolution, causal over rows and centred over columns, in columns [from, to)
  // -> y [to - from][outputs]
  void convolve(const PackedConv& conv, int r, int from, int to, float* y) const {
    thread_local std::vector<Term> terms;
    terms.clear();
    for (int i = 0; i < kernel_; ++i)
      for (int j = 0; j < kernel_; ++j) {
        const int64_t offset = static_cast<int64_t>(j - (kernel_ - 1) / 2) * dilation_;
        const int64_t first = place(r - (kernel_ - 1) + i, from) + std::clamp(offset, -pad_, pad_);
        const PackedMatrix& tap = conv.taps[static_cast<size_t>(i * kernel_ + j)];
        terms.push_back(rounded_.empty() ? tap.times(values_.data() + first * channels_, channels_)
                                         : tap.times(rounded_, first));
      }
    multiply(to - from, conv.bias, terms, y, conv.outputs());
  }

  // After `rows` rows: the last ones become the past of those that follow.
  void advance(int rows) {
    const int64_t from = rows * row_places_, count = (kernel_ - 1) * row_places_;
    if (rounded_.empty())
      std::copy_n(values_.begin() + from * channels_, count * channels_, values_.begin());
    else
      std::copy_n(rounded_.row(from), count * rounded_.stride(), rounded_.row(0));
  }

 private:
  int64_t place(int r, int column) const { return (kernel_ - 1 + r) * row_places_ + pad_ + column; }

  int kernel_, channels_, dilation_;
  int64_t pad_, row_places_;
  std::vector<float> values_;  // one of these two
  RoundedRows rounded_;
};

class Conv2dStream : public NetStream {
 public:
  explicit Conv2dStream(const Plan& plan) : plan_(plan) {}

  int64_t done() const override { return done_; }

  Grid push(const Grid& x, const Window*, bool, Threads& threads) override {
    const int columns = x.columns / plan_.net.inputs;
    if (inputs_.empty()) {
      const Precision precision = plan_.first.taps[0].precision();
      inputs_.emplace_back(plan_.net.kernel, columns, plan_.net.inputs, 1, precision);
      for (const int d : plan_.net.dilations)
        inputs_.emplace_back(plan_.net.kernel, columns, plan_.net.channels, d, precision);
    }
    Grid out(x.rows, columns * plan_.net.outputs);
    for (int first = 0; first < x.rows; first += kBlock)
      block(x, columns, first, std::min(kBlock, x.rows - first), out, threads);
    done_ += x.rows;
    return out;
  }

 private:
  void block(const Grid& x, int columns, int first, int rows, Grid& out, Threads& threads) {
    const int channels = plan_.net.channels;
    const size_t depth = plan_.layers.size();
    for (int r = 0; r < rows; ++r) inputs_[0].put(r, 0, columns, x.row(first + r), false);
    h_.resize(static_cast<size_t>(rows) * columns * channels);
    for (size_t l = 0; l <= depth; ++l) {
      const bool last = l == depth;
      each_part(rows, columns, threads, [&](int r, int from, int to) {
        const int count = (to - from) * channels;
        float* mine = h_.data() + (static_cast<size_t>(r) * columns + from) * channels;
        if (l == 0) {
          inputs_[0].convolve(plan_.first, r, from, to, mine);
        } else {
          thread_local Aligned<float> scratch;
          scratch.resize(static_cast<size_t>(count));
          float* change = scratch.data();
          inputs_[l].convolve(plan_.layers[l - 1], r, from, to, change);
          for (int i = 0; i < count; ++i) mine[i] += change[i];
        }
        if (!last) return inputs_[l + 1].put(r, from, to - from, mine, true);
        relu(mine, count, mine);
        multiply(to - from, plan_.last.bias, {plan_.last.taps[0].times(mine, channels)},
                 out.row(first + r) + from * plan_.net.outputs, plan_.net.outputs);
      });
    }
    for (Input& input : inputs_) input.advance(rows);
  }

  // Every row once, whole or in parts where there are few rows.
  template <class Part>
  static void each_part(int rows, int columns, Threads& threads, Part part) {
    const int parts = std::clamp(threads.size() / std::max(rows, 1), 1, columns);
    threads.run(rows * parts, [&](int i) {
      const int p = i % parts;
      part(i / parts, columns * p / parts, columns * (p + 1) / parts);
    });
  }

  const Plan& plan_;
  int64_t done_ = 0;
  std::vector<Input> inputs_;  // of the first convolution, then of every layer
  Aligned<float> h_;           // of the block at work
};

class Conv2dRuntime : public RuntimeNet {
 public:
  Conv2dRuntime(const Conv2d& net, Weights& weights) : plan_(net, weights) {}

  NetShape shape() const override { return {plan_.net.inputs, 0, plan_.net.outputs}; }
  NetStreamPtr stream() const override { return std::make_unique<Conv2dStream>(plan_); }
  double multiply_adds() const override {
    double sum = plan_.first.multiply_adds() + plan_.last.multiply_adds();
    for (const PackedConv& layer : plan_.layers) sum += layer.multiply_adds();
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
