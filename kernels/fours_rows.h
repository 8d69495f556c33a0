// The transforms of fours, compiled once for each instruction set (ops_scalar.h).
#pragma once

#include "kernels/fours.h"
#include "kernels/tails.h"

namespace fluvox::kernels {

void four_inputs_scalar(std::ptrdiff_t blocks, std::ptrdiff_t side, const float* x, bool rectify,
                        float* t, std::ptrdiff_t apart);
void four_inputs_avx2(std::ptrdiff_t blocks, std::ptrdiff_t side, const float* x, bool rectify,
                      float* t, std::ptrdiff_t apart);
void four_inputs_avx512(std::ptrdiff_t blocks, std::ptrdiff_t side, const float* x, bool rectify,
                        float* t, std::ptrdiff_t apart);
void four_outputs_scalar(std::ptrdiff_t blocks, std::ptrdiff_t side, const float* m,
                         std::ptrdiff_t apart, float* y, bool add);
void four_outputs_avx2(std::ptrdiff_t blocks, std::ptrdiff_t side, const float* m,
                       std::ptrdiff_t apart, float* y, bool add);
void four_outputs_avx512(std::ptrdiff_t blocks, std::ptrdiff_t side, const float* m,
                         std::ptrdiff_t apart, float* y, bool add);

namespace {

constexpr float kU = kFoursU, kV = kFoursV, kU2 = kU * kU, kV2 = kV * kV;

template <class Ops, bool kRectify>
void four_inputs_block(std::ptrdiff_t side, const float* x, float* t, std::ptrdiff_t apart) {
  using V = typename Ops::V;
  const V u = Ops::broadcast(kU), v = Ops::broadcast(kV);
  const V minus_u2 = Ops::broadcast(-kU2), minus_v2 = Ops::broadcast(-kV2);
  const V both = Ops::broadcast(kU2 * kV2), minus_sum = Ops::broadcast(-(kU2 + kV2));
  for (std::ptrdiff_t i = 0; i < side; i += Ops::kLanes) {
    const std::ptrdiff_t left = side - i;
    const auto seen = [&](int k) {
      const V at = read<Ops>(x + k * side + i, left);
      if constexpr (kRectify)
        return Ops::max(Ops::broadcast(0), at);
      else
        return at;
    };
    const auto make = [&](int k, V made) { write<Ops>(t + k * apart + i, left, made); };
    const V a = seen(0), b = seen(1), c = seen(2), d = seen(3), e = seen(4), f = seen(5);
    make(0, Ops::fma(both, a, Ops::fma(minus_sum, c, e)));
    const auto make_both = [&](int k, V point, V minus_other) {
      const V even = Ops::fma(minus_other, c, e);
      const V odd = Ops::mul(point, Ops::fma(minus_other, b, d));
      make(k, Ops::add(even, odd));
      make(k + 1, Ops::sub(even, odd));
    };
    make_both(1, u, minus_v2);
    make_both(3, v, minus_u2);
    make(5, Ops::fma(both, b, Ops::fma(minus_sum, d, f)));
  }
}

template <class Ops>
void four_inputs_rows(std::ptrdiff_t blocks, std::ptrdiff_t side, const float* x, bool rectify,
                      float* t, std::ptrdiff_t apart) {
  for (; blocks > 0; --blocks, x += 4 * side, t += side)
    rectify ? four_inputs_block<Ops, true>(side, x, t, apart)
            : four_inputs_block<Ops, false>(side, x, t, apart);
}

template <class Ops, bool kAdd>
void four_outputs_block(std::ptrdiff_t side, const float* m, std::ptrdiff_t apart, float* y) {
  using V = typename Ops::V;
  const V u = Ops::broadcast(kU), v = Ops::broadcast(kV);
  const V u2 = Ops::broadcast(kU2), v2 = Ops::broadcast(kV2);
  const V u3 = Ops::broadcast(kU2 * kU), v3 = Ops::broadcast(kV2 * kV);
  for (std::ptrdiff_t i = 0; i < side; i += Ops::kLanes) {
    const std::ptrdiff_t left = side - i;
    const auto made = [&](int k) { return read<Ops>(m + k * apart + i, left); };
    const auto set = [&](int k, V value) {
      float* there = y + k * side + i;
      if constexpr (kAdd) value = Ops::add(read<Ops>(there, left), value);
      write<Ops>(there, left, value);
    };
    const V m1 = made(1), m2 = made(2), m3 = made(3), m4 = made(4);
    const V p = Ops::add(m1, m2), q = Ops::sub(m1, m2), r = Ops::add(m3, m4), s = Ops::sub(m3, m4);
    set(0, Ops::add(Ops::add(made(0), p), r));
    set(1, Ops::fma(u, q, Ops::mul(v, s)));
    set(2, Ops::fma(u2, p, Ops::mul(v2, r)));
    set(3, Ops::fma(u3, q, Ops::fma(v3, s, made(5))));
  }
}

template <class Ops>
void four_outputs_rows(std::ptrdiff_t blocks, std::ptrdiff_t side, const float* m,
                       std::ptrdiff_t apart, float* y, bool add) {
  for (; blocks > 0; --blocks, m += side, y += 4 * side)
    add ? four_outputs_block<Ops, true>(side, m, apart, y)
        : four_outputs_block<Ops, false>(side, m, apart, y);
}

}  // namespace
}  // namespace fluvox::kernels
