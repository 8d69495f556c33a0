// The coupling's loop, compiled once for each instruction set (ops_scalar.h).
//
// Elements are gathered from their views into short arrays, a block at a time, and the results
// scattered: rows are often shorter than a vector and columns often not neighbours.
#pragma once

#include "kernels/coupling.h"
#include "kernels/elementary.h"

namespace fluvox::kernels {

struct CouplingArguments {
  std::ptrdiff_t rows;
  int columns;
  ConstView from;
  LogScale scale;
  ConstView b;
  View to;
  double* row_log_det;  // of the forward direction only
};

struct CouplingBackwardArguments {
  std::ptrdiff_t rows;
  int columns;
  ConstView x;
  LogScale scale;
  ConstView gradient;  // of z, or of x where the inverse is meant
  float log_det_gradient;
  CouplingGradients<float> to;
};

void coupling_forward_scalar(const CouplingArguments& a);
void coupling_inverse_scalar(const CouplingArguments& a);
void coupling_forward_avx2(const CouplingArguments& a);
void coupling_inverse_avx2(const CouplingArguments& a);
void coupling_forward_avx512(const CouplingArguments& a);
void coupling_inverse_avx512(const CouplingArguments& a);
void coupling_backward_scalar(const CouplingBackwardArguments& a, bool forward);
void coupling_backward_avx2(const CouplingBackwardArguments& a, bool forward);
void coupling_backward_avx512(const CouplingBackwardArguments& a, bool forward);

namespace {

constexpr int kCouplingBlock = 128;  // a multiple of every kLanes

// ln sigmoid(raw + 2), in double: only the log-determinant asks for it.
inline double log_sigmoid(float raw) {
  const double v = double{raw} + 2;
  return (v < 0 ? v : 0) - __builtin_log1p(__builtin_exp(v < 0 ? v : -v));
}

// A whole block, x becoming the result and raw, but for the sigmoid's, s.
template <class Ops, bool kForward>
void coupling_block(const LogScale& scale, int count, float* raw, float* x, const float* b) {
  using V = typename Ops::V;
  const V limit = Ops::broadcast(scale.clamp);
  for (int i = 0; i < count; i += Ops::kLanes) {
    V s = Ops::load(raw + i);
    if (scale.bound == ScaleBound::sigmoid) {
      // exp(s) = 1 / (1 + exp(-raw - 2)), without ever taking the logarithm
      const V e = exp<Ops>(Ops::sub(Ops::broadcast(-2), s));
      const V from = Ops::load(x + i), shift = Ops::load(b + i);
      const V divisor = Ops::add(Ops::broadcast(1), e);
      Ops::store(x + i, kForward ? Ops::add(Ops::div(from, divisor), shift)
                                 : Ops::mul(Ops::sub(from, shift), divisor));
      continue;
    }
    if (scale.bound == ScaleBound::tanh) s = Ops::mul(limit, tanh<Ops>(Ops::div(s, limit)));
    const V from = Ops::load(x + i), shift = Ops::load(b + i);
    if constexpr (kForward) {
      Ops::store(x + i, Ops::add(Ops::mul(exp<Ops>(s), from), shift));
      Ops::store(raw + i, s);
    } else {
      const V inverse = exp<Ops>(Ops::sub(Ops::broadcast(0), s));
      Ops::store(x + i, Ops::mul(Ops::sub(from, shift), inverse));
    }
  }
}

template <class Ops, bool kForward>
void coupling_rows(const CouplingArguments& a) {
  // What lies behind the last element of a block is computed too, and dropped.
  float raw[kCouplingBlock] = {}, x[kCouplingBlock] = {}, b[kCouplingBlock] = {};
  std::ptrdiff_t row = 0;
  int column = 0;
  double log_det = 0;
  while (row < a.rows && a.columns > 0) {
    // Runs of one row's neighbours, until the block is full.
    std::ptrdiff_t r = row;
    int c = column, filled = 0;
    while (r < a.rows && filled < kCouplingBlock) {
      const int room = kCouplingBlock - filled, left = a.columns - c;
      const int run = left < room ? left : room;
      const auto gather = [=](const ConstView& view, float* to) {
        const float* p = view.data + r * view.row_stride + c * view.column_stride;
        if (view.column_stride == 1)
          for (int i = 0; i < run; ++i) to[i] = p[i];
        else
          for (int i = 0; i < run; ++i) to[i] = p[i * view.column_stride];
      };
      gather(a.scale.raw, raw + filled);
      gather(a.from, x + filled);
      gather(a.b, b + filled);
      filled += run;
      c += run;
      if (c == a.columns) c = 0, ++r;
    }
    coupling_block<Ops, kForward>(a.scale, (filled + Ops::kLanes - 1) / Ops::kLanes * Ops::kLanes,
                                  raw, x, b);
    for (int done = 0; done < filled;) {
      const int room = filled - done, left = a.columns - column;
      const int run = left < room ? left : room;
      float* p = a.to.data + row * a.to.row_stride + column * a.to.column_stride;
      for (int i = 0; i < run; ++i) p[i * a.to.column_stride] = x[done + i];
      if constexpr (kForward)
        for (int i = 0; i < run; ++i)
          log_det += a.scale.bound == ScaleBound::sigmoid ? log_sigmoid(raw[done + i])
                                                          : double{raw[done + i]};
      done += run;
      column += run;
      if (column == a.columns) {
        if (a.row_log_det != nullptr) a.row_log_det[row] = log_det;
        log_det = 0;
        column = 0;
        ++row;
      }
    }
  }
  if (a.columns == 0 && a.row_log_det != nullptr)
    for (row = 0; row < a.rows; ++row) a.row_log_det[row] = 0;
}

// A whole block: gradient becomes that of x (or z), x that of raw, shift that of b.
template <class Ops, bool kForward>
void coupling_backward_block(const LogScale& scale, float log_det_gradient, int count,
                             const float* raw, float* x, float* gradient, float* shift) {
  using V = typename Ops::V;
  const V limit = Ops::broadcast(scale.clamp), one = Ops::broadcast(1), zero = Ops::broadcast(0);
  for (int i = 0; i < count; i += Ops::kLanes) {
    const V given = Ops::load(raw + i), g = Ops::load(gradient + i), from = Ops::load(x + i);
    V scaling, slope = one;  // e^s or e^-s, and ds/draw
    if (scale.bound == ScaleBound::sigmoid) {
      const V e = exp<Ops>(Ops::sub(Ops::broadcast(-2), given));
      const V divisor = Ops::add(one, e);  // e^-s
      slope = Ops::div(one, Ops::add(one, exp<Ops>(Ops::add(given, Ops::broadcast(2)))));
      scaling = kForward ? Ops::div(one, divisor) : divisor;
    } else {
      V s = given;
      if (scale.bound == ScaleBound::tanh) {
        const V t = tanh<Ops>(Ops::div(given, limit));
        slope = Ops::fma(Ops::sub(zero, t), t, one);
        s = Ops::mul(limit, t);
      }
      scaling = exp<Ops>(kForward ? s : Ops::sub(zero, s));
    }
    const V scaled = Ops::mul(scaling, g);
    Ops::store(gradient + i, scaled);
    if constexpr (kForward) {
      Ops::store(shift + i, g);
      Ops::store(x + i, Ops::mul(Ops::fma(from, scaled, Ops::broadcast(log_det_gradient)), slope));
    } else {
      Ops::store(shift + i, Ops::sub(zero, scaled));
      Ops::store(x + i, Ops::mul(Ops::sub(zero, Ops::mul(from, g)), slope));
    }
  }
}

template <class Ops, bool kForward>
void coupling_backward_rows(const CouplingBackwardArguments& a) {
  float raw[kCouplingBlock] = {}, x[kCouplingBlock] = {}, gradient[kCouplingBlock] = {};
  float shift[kCouplingBlock];
  for (std::ptrdiff_t row = 0; row < a.rows; ++row)
    for (int column = 0; column < a.columns; column += kCouplingBlock) {
      const int left = a.columns - column;
      const int count = left < kCouplingBlock ? left : kCouplingBlock;
      const auto gather = [=](const ConstView& view, float* to) {
        const float* p = view.data + row * view.row_stride + column * view.column_stride;
        for (int i = 0; i < count; ++i) to[i] = p[i * view.column_stride];
      };
      const auto scatter = [=](const float* from, const View& view) {
        if (view.data == nullptr) return;
        float* p = view.data + row * view.row_stride + column * view.column_stride;
        for (int i = 0; i < count; ++i) p[i * view.column_stride] = from[i];
      };
      gather(a.scale.raw, raw);
      gather(a.x, x);
      gather(a.gradient, gradient);
      coupling_backward_block<Ops, kForward>(a.scale, a.log_det_gradient,
                                             (count + Ops::kLanes - 1) / Ops::kLanes * Ops::kLanes,
                                             raw, x, gradient, shift);
      scatter(gradient, a.to.x);
      scatter(shift, a.to.b);
      scatter(x, a.to.raw);
    }
}

template <class Ops>
void coupling_backward(const CouplingBackwardArguments& a, bool forward) {
  if (forward)
    coupling_backward_rows<Ops, true>(a);
  else
    coupling_backward_rows<Ops, false>(a);
}

}  // namespace
}  // namespace fluvox::kernels
