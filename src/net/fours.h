// A convolution of three taps over columns with six products for four outputs in place of twelve
// (Winograd's F(4, 3)), causal over rows. For columns c, c + d, c + 2d, c + 3d, d the dilation, and
// the inputs x0 .. x5 at c - d, c, ..., c + 4d, at the points 0, +-u, +-v and infinity:
//
//   t0     = u2 v2 x0 - (u2 + v2) x2 + x4         G0     = g0 / (u2 v2)
//   t1, t2 = (x4 - v2 x2) +- u (x3 - v2 x1)       G1, G2 = (g0 +- u g1 + u2 g2) / (2 u2 (u2 - v2))
//   t3, t4 = (x4 - u2 x2) +- v (x3 - u2 x1)       G3, G4 = (g0 +- v g1 + v2 g2) / (2 v2 (v2 - u2))
//   t5     = u2 v2 x1 - (u2 + v2) x3 + x5         G5     = g2
//
//   with m = t G:   y[c + k d] = u^k (m1 + (-1)^k m2) + v^k (m3 + (-1)^k m4)     k = 0 .. 3
//                   and m0 in the first of them, m5 in the last
//
// u = 3/4 and v = 3/2: in float32 it is 1.4 times as coarse as nine taps added up, where the usual
// 1 and 2 are 1.9 times (docs/decisions.md).
//
// Columns stand together by their places, in blocks of 4d, so that it matters to no output who
// computes it or when. For float32 alone: the sums of taps would lose what bfloat16 has to lose.
// A. Lavin, S. Gray: Fast algorithms for convolutional neural networks, 2016.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "net/packed.h"

namespace fluvox::net {

constexpr int kFourProducts = 6;

// The weights G of a convolution [outputs][inputs][rows' taps][3].
struct ConvInFours {
  ConvInFours(const std::vector<float>& weight, const std::vector<float>& bias, int inputs,
              int kernel);

  int outputs() const { return static_cast<int>(biases[0].size()); }
  double multiply_adds() const;  // for one output column

  std::vector<PackedMatrix> products[kFourProducts];  // a matrix for each tap over rows
  std::vector<float> biases[kFourProducts];           // of which each output takes the bias
};

// The input of one such convolution: t of the rows at work, and before them of the kernel - 1 rows
// that they look back at (zeros at first).
class RowsInFours {
 public:
  RowsInFours(int kernel, int columns, int channels, int dilation, int rows);

  int grain() const { return 4 * dilation_; }  // a part begins at a multiple of it

  // The positive part of x, or x itself, [columns][channels] as row r: its columns [from, to).
  // Looks at those beside them too.
  void put(int r, int from, int to, const float* x, bool rectify);

  // Columns [from, to) of row r of the convolution are set in, or added to, y [to - from][outputs].
  void convolve(const ConvInFours& conv, int r, int from, int to, float* y, bool add) const;

  // After `rows` rows: the last ones become the past of those that follow.
  void advance(int rows);

 private:
  // Of product i, row r: [fours][channels], fours in the order of their first columns. The rows go
  // round.
  int64_t place(int i, int r) const {
    const int slot = (first_ + kernel_ - 1 + r) % rows_;
    return (int64_t{slot} * kFourProducts + i) * fours_ * channels_;
  }

  int kernel_, columns_, channels_, dilation_;
  int rows_, first_ = 0;
  int fours_;
  std::vector<float> values_;
};

}  // namespace fluvox::net
