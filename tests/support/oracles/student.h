// B6: a parallel student of a serial teacher. The teacher is x_t = a x_{t-1} + e_t, e_t ~ N(0, 1);
// the student makes x_t = s z_t + mu(z_{t-1}, ..., z_{t-L}) from L + 1 values of noise and so cuts
// the teacher's endless memory. The least KL(student || teacher) a sample is
//   KL* = 1/2 ln[(1 - a^(2L+4)) / (1 - a^(2L+2))]
#pragma once

#include <cmath>

namespace fluvox::oracles {

inline double student_floor(double a, int seen) {
  return 0.5 * std::log((1 - std::pow(a, 2 * seen + 4)) / (1 - std::pow(a, 2 * seen + 2)));
}

}  // namespace fluvox::oracles
