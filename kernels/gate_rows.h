// The gate's loop, compiled once for each instruction set (ops_scalar.h).
#pragma once

#include <cstddef>

#include "kernels/elementary.h"

namespace fluvox::kernels {

struct GateArguments {
  std::ptrdiff_t rows;
  int channels;
  const float* a;
  std::ptrdiff_t a_stride;
  const float* q;
  std::ptrdiff_t q_stride;
  float* y;
  std::ptrdiff_t y_stride;
};

void gate_scalar(const GateArguments& g);
void gate_avx2(const GateArguments& g);
void gate_avx512(const GateArguments& g);

namespace {

// kWhole: all lanes; else the first `left` of them
template <class Ops, bool kWhole>
void gate_vector(const float* a, const float* q, int channels, float* y, int left) {
  const auto read = [left](const float* p) {
    if constexpr (kWhole)
      return Ops::load(p);
    else
      return Ops::load_first(p, left);
  };
  typename Ops::V u = read(a), v = read(a + channels);
  if (q != nullptr) {
    u = Ops::add(u, read(q));
    v = Ops::add(v, read(q + channels));
  }
  const typename Ops::V result = gate<Ops>(u, v);
  if constexpr (kWhole)
    Ops::store(y, result);
  else
    Ops::store_first(y, left, result);
}

template <class Ops>
void gate_rows(const GateArguments& g) {
  const float *a = g.a, *q = g.q;
  float* y = g.y;
  for (std::ptrdiff_t t = 0; t < g.rows; ++t, a += g.a_stride, y += g.y_stride) {
    int c = 0;
    for (; c + Ops::kLanes <= g.channels; c += Ops::kLanes)
      gate_vector<Ops, true>(a + c, q != nullptr ? q + c : nullptr, g.channels, y + c, 0);
    if (c < g.channels)
      gate_vector<Ops, false>(a + c, q != nullptr ? q + c : nullptr, g.channels, y + c,
                              g.channels - c);
    if (q != nullptr) q += g.q_stride;
  }
}

}  // namespace
}  // namespace fluvox::kernels
