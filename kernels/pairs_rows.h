// The transforms of pairs, compiled once for each instruction set (ops_scalar.h).
#pragma once

#include "kernels/pairs.h"
#include "kernels/tails.h"

namespace fluvox::kernels {

void pair_inputs_scalar(std::ptrdiff_t count, const PairInputs& p, bool rectify);
void pair_inputs_avx2(std::ptrdiff_t count, const PairInputs& p, bool rectify);
void pair_inputs_avx512(std::ptrdiff_t count, const PairInputs& p, bool rectify);
void pair_outputs_scalar(std::ptrdiff_t count, const PairOutputs& p, bool add);
void pair_outputs_avx2(std::ptrdiff_t count, const PairOutputs& p, bool add);
void pair_outputs_avx512(std::ptrdiff_t count, const PairOutputs& p, bool add);

namespace {

template <class Ops, bool kRectify>
void pair_inputs_values(std::ptrdiff_t count, const PairInputs& p) {
  using V = typename Ops::V;
  for (std::ptrdiff_t i = 0; i < count; i += Ops::kLanes) {
    const std::ptrdiff_t left = count - i;
    const auto seen = [&](const float* x) {
      const V v = read<Ops>(x + i, left);
      if constexpr (kRectify)
        return Ops::max(Ops::broadcast(0), v);
      else
        return v;
    };
    const V a = seen(p.a), b = seen(p.b), c = seen(p.c), d = seen(p.d);
    write<Ops>(p.t0 + i, left, Ops::sub(a, c));
    write<Ops>(p.t1 + i, left, Ops::add(b, c));
    write<Ops>(p.t2 + i, left, Ops::sub(c, b));
    write<Ops>(p.t3 + i, left, Ops::sub(b, d));
  }
}

template <class Ops>
void pair_inputs_rows(std::ptrdiff_t count, const PairInputs& p, bool rectify) {
  rectify ? pair_inputs_values<Ops, true>(count, p) : pair_inputs_values<Ops, false>(count, p);
}

template <class Ops, bool kAdd>
void pair_outputs_values(std::ptrdiff_t count, const PairOutputs& p) {
  using V = typename Ops::V;
  for (std::ptrdiff_t i = 0; i < count; i += Ops::kLanes) {
    const std::ptrdiff_t left = count - i;
    const V m0 = read<Ops>(p.m0 + i, left), m1 = read<Ops>(p.m1 + i, left);
    const V m2 = read<Ops>(p.m2 + i, left), m3 = read<Ops>(p.m3 + i, left);
    V first = Ops::add(Ops::add(m0, m1), m2), second = Ops::sub(Ops::sub(m1, m2), m3);
    if constexpr (kAdd) {
      first = Ops::add(read<Ops>(p.first + i, left), first);
      second = Ops::add(read<Ops>(p.second + i, left), second);
    }
    write<Ops>(p.first + i, left, first);
    write<Ops>(p.second + i, left, second);
  }
}

template <class Ops>
void pair_outputs_rows(std::ptrdiff_t count, const PairOutputs& p, bool add) {
  add ? pair_outputs_values<Ops, true>(count, p) : pair_outputs_values<Ops, false>(count, p);
}

}  // namespace
}  // namespace fluvox::kernels
