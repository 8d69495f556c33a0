// The elementwise half of both couplings, split among threads (kernels/coupling.h has the formula).
//   s = limit tanh(raw / limit), or raw itself where limit is 0
#pragma once

#include "kernels/view.h"

namespace fluvox {
class Threads;
}

namespace fluvox::flow {

struct Affine {
  kernels::ConstView b, raw;  // [rows][columns]
  double limit;
};

// x becomes exp(s) x + b; the sum of s is returned
double affine_forward(int rows, int columns, kernels::View x, const Affine& affine,
                      Threads& threads);
// z becomes (z - b) exp(-s)
void affine_inverse(int rows, int columns, kernels::View z, const Affine& affine, Threads& threads);

}  // namespace fluvox::flow
