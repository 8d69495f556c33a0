#include "net/pairs.h"

#include <algorithm>
#include <utility>

#include "kernels/pairs.h"

namespace fluvox::net {

PairedConv::PairedConv(const std::vector<float>& weight, std::vector<float> bias_, int inputs,
                       int kernel)
    : bias(std::move(bias_)) {
  const int outs = outputs();
  std::vector<float> g(static_cast<size_t>(outs) * inputs);
  for (int i = 0; i < kPairProducts; ++i)
    for (int tap = 0; tap < kernel; ++tap) {
      for (size_t at = 0; at < g.size(); ++at) {
        const float* w = weight.data() + (at * static_cast<size_t>(kernel) + tap) * 3;
        const double sum = double{w[0]} + w[2];
        g[at] = i == 0   ? w[0]
                : i == 3 ? w[2]
                         : static_cast<float>((sum + (i == 1 ? w[1] : -w[1])) / 2);
      }
      products[i].emplace_back(g.data(), 1, inputs, inputs, outs);
    }
}

double PairedConv::multiply_adds() const {
  double sum = 0;
  for (const auto& taps : products)
    for (const PackedMatrix& tap : taps) sum += tap.multiply_adds() / 2;
  return sum;
}

PairedRows::PairedRows(int kernel, int columns, int channels, int dilation, int rows)
    : kernel_(kernel), columns_(columns), channels_(channels), rows_(kernel - 1 + rows) {
  // A tap further out than the row is wide meets zeros alone: moved nearer it meets the same.
  dilation_ = std::min(dilation, columns);
  pairs_ = (columns + grain() - 1) / grain() * dilation_;
  values_.resize(static_cast<size_t>(int64_t{rows_} * kPairProducts * pairs_ * channels_));
}

void PairedRows::put(int r, int from, int to, const float* x, bool rectify) {
  const int count = dilation_ * channels_;
  thread_local std::vector<float> edge;  // zeros beyond the ends of the row
  for (int column = from; column < to; column += grain()) {
    const float* sides[4];
    if (column > 0 && column + 3 * dilation_ <= columns_) {
      for (int side = 0; side < 4; ++side)
        sides[side] = x + (static_cast<int64_t>(column) + (side - 1) * dilation_) * channels_;
    } else {
      edge.assign(4 * static_cast<size_t>(count), 0.0f);
      for (int side = 0; side < 4; ++side) {
        const int first = column + (side - 1) * dilation_;
        const int inside = first < 0 ? 0 : std::clamp(columns_ - first, 0, dilation_);
        sides[side] = edge.data() + side * count;
        if (inside > 0)
          std::copy_n(x + int64_t{first} * channels_, inside * channels_,
                      edge.data() + side * count);
      }
    }
    float* t[kPairProducts];
    for (int i = 0; i < kPairProducts; ++i)
      t[i] = values_.data() + place(i, r) + static_cast<int64_t>(column / 2) * channels_;
    kernels::pair_inputs_cpu(
        count, {sides[0], sides[1], sides[2], sides[3], t[0], t[1], t[2], t[3]}, rectify);
  }
}

void PairedRows::convolve(const PairedConv& conv, int r, int from, int to, float* y,
                          bool add) const {
  thread_local Aligned<float> made;
  thread_local std::vector<Term> terms;
  const int first = from / 2, last = (to + grain() - 1) / grain() * dilation_;
  const int outputs = conv.outputs();
  const int64_t size = static_cast<int64_t>(last - first) * outputs;
  made.resize(static_cast<size_t>(kPairProducts * size + 2 * dilation_ * outputs));
  for (int i = 0; i < kPairProducts; ++i) {
    terms.clear();
    for (int tap = 0; tap < kernel_; ++tap)
      terms.push_back(conv.products[i][static_cast<size_t>(tap)].times(
          values_.data() + place(i, r - (kernel_ - 1) + tap) +
              static_cast<int64_t>(first) * channels_,
          channels_));
    multiply(last - first, outputs, i == 1 ? conv.bias.data() : nullptr, terms,
             made.data() + i * size, outputs);
  }
  const int count = dilation_ * outputs;
  float* beyond = made.data() + kPairProducts * size;  // of a block that the row ends in
  for (int column = from; column < to; column += grain()) {
    const float* m[kPairProducts];
    for (int i = 0; i < kPairProducts; ++i)
      m[i] = made.data() + i * size + static_cast<int64_t>(column / 2 - first) * outputs;
    float* here = y + static_cast<int64_t>(column - from) * outputs;
    if (column + grain() <= to) {
      kernels::pair_outputs_cpu(count, {m[0], m[1], m[2], m[3], here, here + count}, add);
    } else {
      kernels::pair_outputs_cpu(count, {m[0], m[1], m[2], m[3], beyond, beyond + count}, false);
      const int inside = (to - column) * outputs;
      for (int i = 0; i < inside; ++i) here[i] = add ? here[i] + beyond[i] : beyond[i];
    }
  }
}

void PairedRows::advance(int rows) { first_ = (first_ + rows) % rows_; }

}  // namespace fluvox::net
