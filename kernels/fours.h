// What comes before and after the products of a convolution over columns in fours (net/fours.h has
// the formula): Winograd's F(4, 3), element by element. Columns stand in blocks of four sides, each
// of `side` values. With u and v the points of the formula:
//
//   four_inputs:    t0 = u2v2 a - (u2 + v2) c + e      t5 = u2v2 b - (u2 + v2) d + f
//                   t1, t2 = (e - v2 c) +- u (d - v2 b)
//                   t3, t4 = (e - u2 c) +- v (d - u2 b)
//   four_outputs:   p, q = m1 +- m2    r, s = m3 +- m4
//                   first = m0 + p + r         second = u q + v s
//                   third = u2 p + v2 r        fourth = u3 q + v3 s + m5      set, or added
//
// x: a .. f side by side: what stands before a block, its four sides, and what stands behind it;
// the next block's begin four sides further on. `rectify`: their positive parts, NaN staying NaN.
// y: the four of one block after the other. t, m: the first of six arrays [blocks][side], each
// `apart` values behind the one before. float32. Results must not overlap the rest.
#pragma once

#include <cstddef>

namespace fluvox::kernels {

constexpr float kFoursU = 0.75f, kFoursV = 1.5f;  // they, their squares and cubes are exact

void four_inputs_cpu(std::ptrdiff_t blocks, std::ptrdiff_t side, const float* x, bool rectify,
                     float* t, std::ptrdiff_t apart);
void four_outputs_cpu(std::ptrdiff_t blocks, std::ptrdiff_t side, const float* m,
                      std::ptrdiff_t apart, float* y, bool add);

}  // namespace fluvox::kernels
