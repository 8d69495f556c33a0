// A convolution of three taps over columns with four products for two outputs in place of six
// (Winograd's F(2, 3)), causal over rows. For columns c and c + d, d the dilation:
//
//   t0 = x[c - d] - x[c + d]    G0 = g0                     y[c]     = t0 G0 + t1 G1 + t2 G2
//   t1 = x[c] + x[c + d]        G1 = (g0 + g1 + g2) / 2     y[c + d] = t1 G1 - t2 G2 - t3 G3
//   t2 = x[c + d] - x[c]        G2 = (g0 - g1 + g2) / 2
//   t3 = x[c] - x[c + 2d]       G3 = g2
//
// Columns are paired by where they stand, in blocks of 2d, so that it matters to no output who
// computes it or when. For float32 alone: the sums of taps would lose what bfloat16 has to lose.
// A. Lavin, S. Gray: Fast algorithms for convolutional neural networks, 2016.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "net/packed.h"

namespace fluvox::net {

constexpr int kPairProducts = 4;

// The weights G of a convolution [outputs][inputs][rows' taps][3].
struct PairedConv {
  PairedConv(const std::vector<float>& weight, std::vector<float> bias, int inputs, int kernel);

  int outputs() const { return static_cast<int>(bias.size()); }
  double multiply_adds() const;  // for one output column

  std::vector<PackedMatrix> products[kPairProducts];  // a matrix for each tap over rows
  std::vector<float> bias;
};

// The input of one such convolution: t of the rows at work, and before them of the kernel - 1 rows
// that they look back at (zeros at first).
class PairedRows {
 public:
  PairedRows(int kernel, int columns, int channels, int dilation, int rows);

  int grain() const { return 2 * dilation_; }  // a part begins at a multiple of it

  // The positive part of x, or x itself, [columns][channels] as row r: its columns [from, to).
  // Looks at those beside them too.
  void put(int r, int from, int to, const float* x, bool rectify);

  // Columns [from, to) of row r of the convolution are set in, or added to, y [to - from][outputs].
  void convolve(const PairedConv& conv, int r, int from, int to, float* y, bool add) const;

  // After `rows` rows: the last ones become the past of those that follow.
  void advance(int rows);

 private:
  // Of product i, row r: [pairs][channels], pairs in the order of their first columns. The rows go
  // round.
  int64_t place(int i, int r) const {
    const int slot = (first_ + kernel_ - 1 + r) % rows_;
    return (int64_t{slot} * kPairProducts + i) * pairs_ * channels_;
  }

  int kernel_, columns_, channels_, dilation_;
  int rows_, first_ = 0;
  int pairs_;
  std::vector<float> values_;
};

}  // namespace fluvox::net
