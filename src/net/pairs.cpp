#include "net/pairs.h"

#include <algorithm>
#include <cmath>

namespace fluvox::net {
namespace {

// One block of d columns and the d beside them: `count` = d * channels values side by side. No
// comparison, which would keep the compiler from using vectors: the positive part is (x + |x|) / 2,
// exactly, and what is not a number stays none.
template <bool kRectify>
void differences(const float* before, const float* first, const float* second, const float* after,
                 int count, float* __restrict t0, float* __restrict t1, float* __restrict t2,
                 float* __restrict t3) {
  const auto seen = [](float x) { return kRectify ? 0.5f * (x + std::abs(x)) : x; };
  for (int i = 0; i < count; ++i) {
    const float a = seen(before[i]), b = seen(first[i]), c = seen(second[i]), d = seen(after[i]);
    t0[i] = a - c;
    t1[i] = b + c;
    t2[i] = c - b;
    t3[i] = b - d;
  }
}

template <bool kAdd>
void combine(const float* m0, const float* m1, const float* m2, const float* m3, int count,
             float* __restrict first, float* __restrict second) {
  for (int i = 0; i < count; ++i) {
    const float even = m0[i] + m1[i] + m2[i], odd = m1[i] - m2[i] - m3[i];
    first[i] = kAdd ? first[i] + even : even;
    second[i] = kAdd ? second[i] + odd : odd;
  }
}

}  // namespace

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
    : kernel_(kernel), columns_(columns), channels_(channels) {
  // A tap further out than the row is wide meets zeros alone: moved nearer it meets the same.
  dilation_ = std::min(dilation, columns);
  pairs_ = (columns + grain() - 1) / grain() * dilation_;
  values_.resize(static_cast<size_t>(place(0, rows)));
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
    const auto make = rectify ? differences<true> : differences<false>;
    make(sides[0], sides[1], sides[2], sides[3], count, t[0], t[1], t[2], t[3]);
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
      const auto put_together = add ? combine<true> : combine<false>;
      put_together(m[0], m[1], m[2], m[3], count, here, here + count);
    } else {
      combine<false>(m[0], m[1], m[2], m[3], count, beyond, beyond + count);
      const int inside = (to - column) * outputs;
      for (int i = 0; i < inside; ++i) here[i] = add ? here[i] + beyond[i] : beyond[i];
    }
  }
}

void PairedRows::advance(int rows) {
  std::copy_n(values_.begin() + place(0, rows - (kernel_ - 1)), place(0, 0), values_.begin());
}

}  // namespace fluvox::net
