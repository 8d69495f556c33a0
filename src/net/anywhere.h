// exp, tanh and erf of a few numbers, with the same bits wherever this runs. Mathematical libraries
// differ in the last place of a float, and one library between processors; of a double that is
// rounded to a float they agree. Where there are many, kernels/elementary.h has them.
#pragma once

#include <cmath>

namespace fluvox::net {

inline float exp_anywhere(float x) { return static_cast<float>(std::exp(double{x})); }
inline float tanh_anywhere(float x) { return static_cast<float>(std::tanh(double{x})); }
inline float erf_anywhere(float x) { return static_cast<float>(std::erf(double{x})); }

}  // namespace fluvox::net
