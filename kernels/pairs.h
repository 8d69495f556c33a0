// What comes before and after the products of a convolution over columns in pairs (net/pairs.h has
// the formula): Winograd's F(2, 3), element by element.
//
//   pair_inputs:    t0 = a - c   t1 = b + c   t2 = c - b   t3 = b - d
//   pair_outputs:   first = m0 + m1 + m2     second = m1 - m2 - m3      set, or added
//
// a, b, c, d: the column before a pair, its two, and the one behind; `rectify`: their positive
// parts, NaN staying NaN. All are `count` values side by side; float32. Results must not overlap
// the rest.
#pragma once

#include <cstddef>

namespace fluvox::kernels {

struct PairInputs {
  const float *a, *b, *c, *d;
  float *t0, *t1, *t2, *t3;
};

struct PairOutputs {
  const float *m0, *m1, *m2, *m3;
  float *first, *second;
};

void pair_inputs_cpu(std::ptrdiff_t count, const PairInputs &p, bool rectify);
void pair_outputs_cpu(std::ptrdiff_t count, const PairOutputs &p, bool add);

}  // namespace fluvox::kernels
