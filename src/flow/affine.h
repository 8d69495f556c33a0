// The elementwise half of the affine couplings, split among threads (kernels/coupling.h has the
// formulas).
#pragma once

#include "kernels/coupling.h"
#include "kernels/view.h"

namespace fluvox {
class Threads;
}

namespace fluvox::flow {

struct Affine {
  kernels::ConstView b;  // [rows][columns]
  kernels::LogScale scale;
};

// s = limit tanh(raw / limit), or raw itself where limit is 0
kernels::LogScale bounded_log_scale(kernels::ConstView raw, double limit);

// A shift or a raw log-scale that is zero everywhere.
kernels::ConstView zeros();

// x becomes exp(s) x + b; the sum of s is returned. by_row, where given, has a number for each row,
// which gains that row's sum.
double affine_forward(int rows, int columns, kernels::View x, const Affine& affine,
                      Threads& threads, double* by_row = nullptr);
// z becomes (z - b) exp(-s)
void affine_inverse(int rows, int columns, kernels::View z, const Affine& affine, Threads& threads);

}  // namespace fluvox::flow
