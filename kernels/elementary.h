// exp and tanh in Ops' operations (ops_scalar.h): float32, equal bits on every instruction set.
//
//   e^x = 2^n (1 + p),  n = round(x / ln 2),  r = x - n ln 2 in two parts,
//   p = e^r - 1 = r + r^2 q(r),  q of degree 4: p's relative error is below 1.4e-8
//
// p itself, not 1 + p, is what tanh of small arguments is made of: no digits are lost there.
// NaN gives NaN; infinities give the limits.
#pragma once

namespace fluvox::kernels {
namespace {

constexpr float kShift = 0x1.8p+23f;  // added to a float of small size, it rounds to an integer

// For |x| < 2^20: p, and t = kShift + n
template <class Ops>
typename Ops::V exp_parts(typename Ops::V x, typename Ops::V* t) {
  using V = typename Ops::V;
  const V shift = Ops::broadcast(kShift);
  *t = Ops::fma(x, Ops::broadcast(0x1.715476p+0f), shift);  // 1 / ln 2
  const V n = Ops::sub(*t, shift);
  V r = Ops::fma(n, Ops::broadcast(-0x1.62e4p-1f), x);  // n times this is exact
  r = Ops::fma(n, Ops::broadcast(-0x1.7f7d1cp-20f), r);
  V q = Ops::broadcast(0x1.6b9c66p-10f);
  q = Ops::fma(q, r, Ops::broadcast(0x1.12254ap-7f));
  q = Ops::fma(q, r, Ops::broadcast(0x1.5556f2p-5f));
  q = Ops::fma(q, r, Ops::broadcast(0x1.5554b4p-3f));
  q = Ops::fma(q, r, Ops::broadcast(0x1.fffffep-2f));
  return Ops::fma(Ops::mul(r, r), q, r);
}

// e^x, gradually down to 0 and up to infinity. Against float64, over all floats whose result is
// a normal number: below 1 unit in the last place.
template <class Ops>
typename Ops::V exp(typename Ops::V x) {
  using V = typename Ops::V;
  const V shift = Ops::broadcast(kShift);
  x = Ops::min(Ops::broadcast(89), Ops::max(Ops::broadcast(-104), x));
  V t;
  const V p = exp_parts<Ops>(x, &t);
  // 2^n in two factors, for n from -150 to 128.
  const V n = Ops::sub(t, shift);
  const V half = Ops::fma(n, Ops::broadcast(0.5f), shift);
  const V rest = Ops::add(Ops::sub(n, Ops::sub(half, shift)), shift);
  return Ops::mul(Ops::mul(Ops::add(p, Ops::broadcast(1)), Ops::power_of_two(half)),
                  Ops::power_of_two(rest));
}

// 1 - e^(-2 |x|), which is 2 |tanh x| / (1 + |tanh x|)
template <class Ops>
typename Ops::V one_minus_exp_of_twice(typename Ops::V x) {
  using V = typename Ops::V;
  V t;
  // From 15 on, tanh is 1.
  const V size = Ops::min(Ops::broadcast(15), Ops::with_sign_of(x, Ops::broadcast(0)));
  const V p = exp_parts<Ops>(Ops::mul(size, Ops::broadcast(-2)), &t);
  const V scale = Ops::power_of_two(t);
  return Ops::sub(Ops::sub(Ops::broadcast(1), scale), Ops::mul(scale, p));
}

// Against float64: below 2.5 units in the last place.
template <class Ops>
typename Ops::V tanh(typename Ops::V x) {
  using V = typename Ops::V;
  const V a = one_minus_exp_of_twice<Ops>(x);
  return Ops::with_sign_of(Ops::div(a, Ops::sub(Ops::broadcast(2), a)), x);
}

// tanh(u) / (1 + e^-v) with one division
template <class Ops>
typename Ops::V gate(typename Ops::V u, typename Ops::V v) {
  using V = typename Ops::V;
  const V a = one_minus_exp_of_twice<Ops>(u);
  const V d = Ops::sub(Ops::broadcast(2), a);
  // At 89, n is 128 and the power infinity; at -87 it is still normal and 1 + e is 1.
  V e = Ops::min(Ops::broadcast(89), Ops::max(Ops::broadcast(-87), Ops::sub(Ops::broadcast(0), v)));
  V t;
  e = exp_parts<Ops>(e, &t);
  e = Ops::mul(Ops::power_of_two(t), Ops::add(e, Ops::broadcast(1)));
  return Ops::with_sign_of(Ops::div(a, Ops::fma(d, e, d)), u);
}

}  // namespace
}  // namespace fluvox::kernels
