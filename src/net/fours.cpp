#include "net/fours.h"

#include <algorithm>

#include "kernels/fours.h"

namespace fluvox::net {

ConvInFours::ConvInFours(const std::vector<float>& weight, const std::vector<float>& bias,
                         int inputs, int kernel) {
  constexpr double u = kernels::kFoursU, v = kernels::kFoursV, u2 = u * u, v2 = v * v;
  constexpr double points[] = {0, u, -u, v, -v};
  constexpr double over[] = {u2 * v2, 2 * u2 * (u2 - v2), 2 * u2 * (u2 - v2), 2 * v2 * (v2 - u2),
                             2 * v2 * (v2 - u2)};
  const int outs = static_cast<int>(bias.size());
  std::vector<float> g(static_cast<size_t>(outs) * inputs);
  for (int i = 0; i < kFourProducts; ++i) {
    const bool last = i == kFourProducts - 1;
    for (int tap = 0; tap < kernel; ++tap) {
      for (size_t at = 0; at < g.size(); ++at) {
        const float* w = weight.data() + (at * static_cast<size_t>(kernel) + tap) * 3;
        g[at] = last ? w[2]
                     : static_cast<float>((w[0] + points[i] * (w[1] + points[i] * w[2])) / over[i]);
      }
      products[i].emplace_back(g.data(), 1, inputs, inputs, outs);
    }
    // sum over points p of share(p) p^k = 1 for k = 0 .. 3: Lagrange's interpolation of x^k at 1.
    double share = i == 0 || last ? 0 : 1;
    for (int j = 1; j < kFourProducts - 1; ++j)
      if (share != 0 && j != i) share *= (1 - points[j]) / (points[i] - points[j]);
    for (const float b : bias) biases[i].push_back(static_cast<float>(share * b));
  }
}

double ConvInFours::multiply_adds() const {
  double sum = 0;
  for (const auto& taps : products)
    for (const PackedMatrix& tap : taps) sum += tap.multiply_adds() / 4;
  return sum;
}

RowsInFours::RowsInFours(int kernel, int columns, int channels, int dilation, int rows)
    : kernel_(kernel), columns_(columns), channels_(channels), rows_(kernel - 1 + rows) {
  // A tap further out than the row is wide meets zeros alone: moved nearer it meets the same.
  dilation_ = std::min(dilation, columns);
  fours_ = (columns + grain() - 1) / grain() * dilation_;
  values_.resize(static_cast<size_t>(int64_t{rows_} * kFourProducts * fours_ * channels_));
}

void RowsInFours::put(int r, int from, int to, const float* x, bool rectify) {
  const int side = dilation_ * channels_;
  const int64_t apart = int64_t{fours_} * channels_;
  const auto blocks_from = [&](int column, int blocks, const float* before) {
    kernels::four_inputs_cpu(blocks, side, before, rectify,
                             values_.data() + place(0, r) + int64_t{column / 4} * channels_, apart);
  };
  thread_local std::vector<float> edge;  // a block that looks beyond the ends of the row, at zeros
  for (int column = from; column < to; column += grain()) {
    const int before = column - dilation_;
    const int inner = before < 0 ? 0 : (std::min(to, columns_ - dilation_) - column) / grain();
    if (inner > 0) {
      blocks_from(column, inner, x + int64_t{before} * channels_);
      column += (inner - 1) * grain();
      continue;
    }
    edge.assign(kFourProducts * static_cast<size_t>(side), 0.0f);
    const int first = std::max(before, 0);
    const int last = std::min(before + kFourProducts * dilation_, columns_);
    std::copy_n(x + int64_t{first} * channels_, (last - first) * channels_,
                edge.data() + (first - before) * channels_);
    blocks_from(column, 1, edge.data());
  }
}

void RowsInFours::convolve(const ConvInFours& conv, int r, int from, int to, float* y,
                           bool add) const {
  thread_local Aligned<float> made;
  thread_local std::vector<Term> terms;
  const int first = from / 4, last = (to + grain() - 1) / grain() * dilation_;
  const int outputs = conv.outputs();
  const int64_t size = static_cast<int64_t>(last - first) * outputs;
  made.resize(static_cast<size_t>(kFourProducts * size + int64_t{grain()} * outputs));
  for (int i = 0; i < kFourProducts; ++i) {
    terms.clear();
    for (int tap = 0; tap < kernel_; ++tap)
      terms.push_back(conv.products[i][static_cast<size_t>(tap)].times(
          values_.data() + place(i, r - (kernel_ - 1) + tap) +
              static_cast<int64_t>(first) * channels_,
          channels_));
    multiply(last - first, outputs, conv.biases[i].data(), terms, made.data() + i * size, outputs);
  }
  const int side = dilation_ * outputs;
  const auto blocks_from = [&](int column, int blocks, float* here, bool onto) {
    kernels::four_outputs_cpu(blocks, side,
                              made.data() + static_cast<int64_t>(column / 4 - first) * outputs,
                              size, here, onto);
  };
  const int whole = (to - from) / grain(), rest = from + whole * grain();
  blocks_from(from, whole, y, add);
  if (rest == to) return;
  float* beyond = made.data() + kFourProducts * size;  // a block that the row ends in
  blocks_from(rest, 1, beyond, false);
  float* here = y + static_cast<int64_t>(rest - from) * outputs;
  const int inside = (to - rest) * outputs;
  for (int i = 0; i < inside; ++i) here[i] = add ? here[i] + beyond[i] : beyond[i];
}

void RowsInFours::advance(int rows) { first_ = (first_ + rows) % rows_; }

}  // namespace fluvox::net
