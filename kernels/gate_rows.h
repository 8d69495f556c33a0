// The gate's loop, compiled once for each instruction set (ops_scalar.h).
#pragma once

#include <cstddef>

#include "kernels/elementary.h"
#include "kernels/tails.h"

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

struct GateFactorsArguments {
  GateArguments gate;
  int first, last;  // of the channels
  float* f;         // or nullptr
};

struct GateBackwardArguments {
  std::ptrdiff_t rows;
  int channels, first, last;
  const float* f;
  const float* gy;
  float* ga;
};

void gate_factors_scalar(const GateFactorsArguments& g);
void gate_factors_avx2(const GateFactorsArguments& g);
void gate_factors_avx512(const GateFactorsArguments& g);
void gate_backward_scalar(const GateBackwardArguments& g);
void gate_backward_avx2(const GateBackwardArguments& g);
void gate_backward_avx512(const GateBackwardArguments& g);

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

// 1 / (1 + e^-v)
template <class Ops>
typename Ops::V sigmoid(typename Ops::V v) {
  using V = typename Ops::V;
  const V one = Ops::broadcast(1);
  return Ops::div(one, Ops::add(one, exp<Ops>(Ops::sub(Ops::broadcast(0), v))));
}

template <class Ops>
void gate_factors_rows(const GateFactorsArguments& arguments) {
  using V = typename Ops::V;
  const GateArguments& g = arguments.gate;
  const int n = g.channels;
  for (std::ptrdiff_t t = 0; t < g.rows; ++t) {
    const float* a = g.a + t * g.a_stride;
    const float* q = g.q != nullptr ? g.q + t * g.q_stride : nullptr;
    float* f = arguments.f != nullptr ? arguments.f + t * 2 * n : nullptr;
    float* y = g.y + t * g.y_stride;
    for (int c = arguments.first; c < arguments.last; c += Ops::kLanes) {
      const int left = arguments.last - c;
      V u = read<Ops>(a + c, left), v = read<Ops>(a + n + c, left);
      if (q != nullptr) {
        u = Ops::add(u, read<Ops>(q + c, left));
        v = Ops::add(v, read<Ops>(q + n + c, left));
      }
      u = tanh<Ops>(u);
      v = sigmoid<Ops>(v);
      if (f != nullptr) {
        write<Ops>(f + c, left, u);
        write<Ops>(f + n + c, left, v);
      }
      write<Ops>(y + c, left, Ops::mul(u, v));
    }
  }
}

template <class Ops>
void gate_backward_rows(const GateBackwardArguments& g) {
  using V = typename Ops::V;
  const int n = g.channels;
  const V one = Ops::broadcast(1), zero = Ops::broadcast(0);
  for (std::ptrdiff_t t = 0; t < g.rows; ++t) {
    const float *f = g.f + t * 2 * n, *gy = g.gy + t * n;
    float* ga = g.ga + t * 2 * n;
    for (int c = g.first; c < g.last; c += Ops::kLanes) {
      const int left = g.last - c;
      const V u = read<Ops>(f + c, left), v = read<Ops>(f + n + c, left);
      const V along = Ops::mul(read<Ops>(gy + c, left), v);
      write<Ops>(ga + c, left, Ops::mul(along, Ops::fma(Ops::sub(zero, u), u, one)));
      write<Ops>(ga + n + c, left, Ops::mul(Ops::mul(along, u), Ops::sub(one, v)));
    }
  }
}

}  // namespace
}  // namespace fluvox::kernels
