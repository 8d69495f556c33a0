#include <cmath>

#include "kernels/actnorm.h"

namespace fluvox::kernels {

template <class T>
void actnorm_forward_cpu(int channels, std::ptrdiff_t columns, const T* s, const T* b,
                         ConstViewOf<T> x, ViewOf<T> z) {
  for (int c = 0; c < channels; ++c) {
    const T scaling = std::exp(s[c]);
    for (std::ptrdiff_t t = 0; t < columns; ++t) z.at(c, t) = scaling * (x.at(c, t) + b[c]);
  }
}

template <class T>
void actnorm_inverse_cpu(int channels, std::ptrdiff_t columns, const T* s, const T* b,
                         ConstViewOf<T> z, ViewOf<T> x) {
  for (int c = 0; c < channels; ++c) {
    const T scaling = std::exp(-s[c]);
    for (std::ptrdiff_t t = 0; t < columns; ++t) x.at(c, t) = scaling * z.at(c, t) - b[c];
  }
}

template <class T>
void actnorm_backward_cpu(bool forward, int channels, std::ptrdiff_t columns, const T* s,
                          const T* b, ConstViewOf<T> x, ConstViewOf<T> given, ViewOf<T> made,
                          double* gs, double* gb) {
  constexpr int kLanes = 8;
  for (int c = 0; c < channels; ++c) {
    const T scaling = std::exp(forward ? s[c] : -s[c]);
    double of_s[kLanes] = {}, of_b[kLanes] = {};
    for (std::ptrdiff_t begin = 0; begin < columns; begin += kLanes) {
      const std::ptrdiff_t left = columns - begin;
      for (int lane = 0; lane < (left < kLanes ? left : kLanes); ++lane) {
        const T g = given.at(c, begin + lane), scaled = scaling * g;
        const double gx = forward ? scaled : -g;
        of_b[lane] += gx;
        of_s[lane] += gx * (double{x.at(c, begin + lane)} + double{b[c]});
        made.at(c, begin + lane) = scaled;
      }
    }
    for (int lane = 0; lane < kLanes; ++lane) {
      gs[c] += of_s[lane];
      gb[c] += of_b[lane];
    }
  }
}

#define FLUVOX_ACTNORM(T)                                                                    \
  template void actnorm_forward_cpu(int, std::ptrdiff_t, const T*, const T*, ConstViewOf<T>, \
                                    ViewOf<T>);                                              \
  template void actnorm_inverse_cpu(int, std::ptrdiff_t, const T*, const T*, ConstViewOf<T>, \
                                    ViewOf<T>);                                              \
  template void actnorm_backward_cpu(bool, int, std::ptrdiff_t, const T*, const T*,          \
                                     ConstViewOf<T>, ConstViewOf<T>, ViewOf<T>, double*, double*);
FLUVOX_ACTNORM(float)
FLUVOX_ACTNORM(double)
#undef FLUVOX_ACTNORM

}  // namespace fluvox::kernels
