// The loops of the 1x1 convolution, compiled once for each instruction set (ops_scalar.h).
#pragma once

#include <cstddef>

#include "kernels/mixing.h"
#include "kernels/tails.h"

namespace fluvox::kernels {

struct MixingArguments {
  int channels;
  std::ptrdiff_t columns;
  const float* w;
  std::ptrdiff_t w_row, w_column;
  const float* x;
  std::ptrdiff_t x_stride;  // from channel to channel
  float* z;
  std::ptrdiff_t z_stride;
};

struct MixingGradientArguments {
  int channels;
  std::ptrdiff_t columns;
  const float* gz;
  std::ptrdiff_t gz_stride;
  const float* x;
  std::ptrdiff_t x_stride;
  double* gw;
};

void mixing_scalar(const MixingArguments& a);
void mixing_avx2(const MixingArguments& a);
void mixing_avx512(const MixingArguments& a);
void mixing_gradient_scalar(const MixingGradientArguments& a);
void mixing_gradient_avx2(const MixingGradientArguments& a);
void mixing_gradient_avx512(const MixingGradientArguments& a);

namespace {

// kOutputs channels of z, from `first` on.
template <class Ops, int kOutputs>
void mixing_outputs(const MixingArguments& a, int first) {
  using V = typename Ops::V;
  constexpr int kVectors = 2;
  for (std::ptrdiff_t t = 0; t < a.columns; t += kVectors * Ops::kLanes) {
    V sums[kOutputs][kVectors];
    for (auto& row : sums)
      for (V& sum : row) sum = Ops::broadcast(0);
    for (int j = 0; j < a.channels; ++j) {
      V x[kVectors];
      for (int v = 0; v < kVectors; ++v) {
        const std::ptrdiff_t at = t + v * Ops::kLanes;
        x[v] = at < a.columns ? read<Ops>(a.x + j * a.x_stride + at, a.columns - at)
                              : Ops::broadcast(0);
      }
      for (int i = 0; i < kOutputs; ++i) {
        const V w = Ops::broadcast(a.w[(first + i) * a.w_row + j * a.w_column]);
        for (int v = 0; v < kVectors; ++v) sums[i][v] = Ops::fma(w, x[v], sums[i][v]);
      }
    }
    for (int i = 0; i < kOutputs; ++i)
      for (int v = 0; v < kVectors; ++v) {
        const std::ptrdiff_t at = t + v * Ops::kLanes;
        if (at < a.columns)
          write<Ops>(a.z + (first + i) * a.z_stride + at, a.columns - at, sums[i][v]);
      }
  }
}

template <class Ops>
void mixing_rows(const MixingArguments& a) {
  int i = 0;
  for (; i + 4 <= a.channels; i += 4) mixing_outputs<Ops, 4>(a, i);
  for (; i < a.channels; ++i) mixing_outputs<Ops, 1>(a, i);
}

constexpr int kSums = 16;  // that the columns of a piece take turns in, on every instruction set

// gw[i][j] of kInputs channels j from `first` on, over one piece.
template <class Ops, int kInputs>
void mixing_gradient_inputs(const MixingGradientArguments& a, int i, int first,
                            std::ptrdiff_t begin, std::ptrdiff_t end) {
  using V = typename Ops::V;
  constexpr int kVectors = kSums / Ops::kLanes;
  V sums[kInputs][kVectors];
  for (auto& row : sums)
    for (V& sum : row) sum = Ops::broadcast(0);
  for (std::ptrdiff_t t = begin; t < end; t += kSums)
    for (int v = 0; v < kVectors; ++v) {
      const std::ptrdiff_t at = t + v * Ops::kLanes;
      if (at >= end) break;
      const V gz = read<Ops>(a.gz + i * a.gz_stride + at, end - at);
      for (int j = 0; j < kInputs; ++j)
        sums[j][v] =
            Ops::fma(gz, read<Ops>(a.x + (first + j) * a.x_stride + at, end - at), sums[j][v]);
    }
  for (int j = 0; j < kInputs; ++j) {
    float lanes[kSums];
    for (int v = 0; v < kVectors; ++v) Ops::store(lanes + v * Ops::kLanes, sums[j][v]);
    for (int half = kSums / 2; half > 0; half /= 2)
      for (int lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
    a.gw[i * a.channels + first + j] += double{lanes[0]};
  }
}

template <class Ops>
void mixing_gradient_rows(const MixingGradientArguments& a) {
  for (std::ptrdiff_t begin = 0; begin < a.columns; begin += kMixingPiece) {
    const std::ptrdiff_t left = a.columns - begin;
    const std::ptrdiff_t end = begin + (left < kMixingPiece ? left : kMixingPiece);
    for (int i = 0; i < a.channels; ++i) {
      int j = 0;
      for (; j + 4 <= a.channels; j += 4) mixing_gradient_inputs<Ops, 4>(a, i, j, begin, end);
      for (; j < a.channels; ++j) mixing_gradient_inputs<Ops, 1>(a, i, j, begin, end);
    }
  }
}

}  // namespace
}  // namespace fluvox::kernels
