// The products' microkernel, written once and compiled for each instruction set, each in its own
// translation unit. Ops is as in ops_scalar.h, with
//   Segment: the product's; Input: one term's input for all lanes; Weights: a vector's weights
//   kTerm: inputs of one term; kPadding: a segment's packed inputs are a multiple of this
//   input(x), weights(w), term(Input, Weights, V sum)
//   kRows[n]: rows of a tile that is n vectors of outputs wide (index 0 unused), kVectors: widest n
#pragma once

#include "kernels/product.h"

// Without it the sums are kept in memory.
#if defined(__clang__)
#define FLUVOX_UNROLL _Pragma("unroll")
#else
#define FLUVOX_UNROLL _Pragma("GCC unroll 16")
#endif

namespace fluvox::kernels {

constexpr int kPanel = 64;  // outputs of a full panel of packed weights
constexpr int kGroup = 16;  // the last panel is rounded up to this
constexpr int kLine = 64;   // bytes of a cache line

template <class AnySegment>
struct ProductOf {
  std::ptrdiff_t rows;
  int outputs;
  const float* bias;
  const AnySegment* segments;
  int segment_count;
  float* y;
  std::ptrdiff_t y_stride;
};

using ProductArguments = ProductOf<Segment>;
void product_scalar(const ProductArguments& a);
void product_avx2(const ProductArguments& a);
void product_avx512(const ProductArguments& a);

namespace {

// One fused multiply-add a term.
template <class Ops>
struct PlainTerms : Ops {
  using Segment = kernels::Segment;
  using Input = typename Ops::V;
  using Weights = typename Ops::V;
  static constexpr int kTerm = 1;
  static constexpr int kPadding = 1;
  static Input input(const float* x) { return Ops::broadcast(*x); }
  static Weights weights(const float* w) { return Ops::load(w); }
  static Input term(Input x, Weights w, Input sum) { return Ops::fma(x, w, sum); }
};

// While a panel is at work, its first tiles ask for the weights of the next one, which may have to
// come from afar: a cache line for each term, so this many tiles ask for all of its 256 bytes a
// term. Spread out like this it costs nothing; asked for at once it would fill the queue to memory.
constexpr int kShares = 4;

// R rows from `row` on, N vectors of outputs from `first` on, in the panel that begins at `panel`
// and is `width` wide. `share`: which quarter of the next panel's weights to ask for; kShares: none
template <class Ops, int R, int N>
void product_tile(const ProductOf<typename Ops::Segment>& a, std::ptrdiff_t row, int panel,
                  int width, int first, int share) {
  using V = typename Ops::V;
  constexpr int kWidth = N * Ops::kLanes;
  const int left = a.outputs - first;
  const int valid = left < kWidth ? left : kWidth;

  float cut[kWidth] = {};  // the bias where it is not that many, or none
  const float* start = cut;
  if (a.bias != nullptr && valid == kWidth) start = a.bias + first;
  if (a.bias != nullptr && valid < kWidth)
    for (int o = 0; o < valid; ++o) cut[o] = a.bias[first + o];
  V sum[R][N];
  FLUVOX_UNROLL
  for (int r = 0; r < R; ++r) {
    FLUVOX_UNROLL
    for (int n = 0; n < N; ++n) sum[r][n] = Ops::load(start + n * Ops::kLanes);
  }

  for (int s = 0; s < a.segment_count; ++s) {
    const auto& segment = a.segments[s];
    const std::ptrdiff_t stride = segment.stride;
    const auto* x = segment.x + row * stride;
    const int packed = (segment.inputs + Ops::kPadding - 1) / Ops::kPadding * Ops::kPadding;
    const auto* w =
        segment.w + static_cast<std::ptrdiff_t>(panel) * packed + (first - panel) * Ops::kTerm;
    const char* ahead = reinterpret_cast<const char*>(w);  // where there is nothing to ask for
    if (share < kShares)
      ahead = reinterpret_cast<const char*>(segment.w) +
              (std::ptrdiff_t{panel + kPanel} * static_cast<int>(sizeof *w) +
               std::ptrdiff_t{share} * kLine / Ops::kTerm) *
                  packed;
    for (int i = 0; i < segment.inputs; i += Ops::kTerm, x += Ops::kTerm, w += width * Ops::kTerm) {
      __builtin_prefetch(ahead, 0, 2);
      ahead += kLine;
      typename Ops::Weights weights[N];
      FLUVOX_UNROLL
      for (int n = 0; n < N; ++n) weights[n] = Ops::weights(w + n * Ops::kLanes * Ops::kTerm);
      FLUVOX_UNROLL
      for (int r = 0; r < R; ++r) {
        const typename Ops::Input input = Ops::input(x + r * stride);
        FLUVOX_UNROLL
        for (int n = 0; n < N; ++n) sum[r][n] = Ops::term(input, weights[n], sum[r][n]);
      }
    }
  }

  FLUVOX_UNROLL
  for (int r = 0; r < R; ++r) {
    float* y = a.y + (row + r) * a.y_stride + first;
    if (valid == kWidth) {
      FLUVOX_UNROLL
      for (int n = 0; n < N; ++n) Ops::store(y + n * Ops::kLanes, sum[r][n]);
    } else {
      float whole[kWidth];
      FLUVOX_UNROLL
      for (int n = 0; n < N; ++n) Ops::store(whole + n * Ops::kLanes, sum[r][n]);
      for (int o = 0; o < valid; ++o) y[o] = whole[o];
    }
  }
}

// As product_tile, for `rows` <= R known at run time.
template <class Ops, int R, int N>
void product_rows(const ProductOf<typename Ops::Segment>& a, std::ptrdiff_t row, int rows,
                  int panel, int width, int first, int share) {
  if constexpr (R > 1)
    if (rows < R) return product_rows<Ops, R - 1, N>(a, row, rows, panel, width, first, share);
  product_tile<Ops, R, N>(a, row, panel, width, first, share);
}

// All rows of N vectors of outputs, or of fewer where the panel is narrower.
template <class Ops, int N>
void product_column(const ProductOf<typename Ops::Segment>& a, int panel, int width, int first) {
  if constexpr (N > 1)
    if (panel + width - first < N * Ops::kLanes)
      return product_column<Ops, N - 1>(a, panel, width, first);
  constexpr int kRows = Ops::kRows[N];
  // Tiles as equal as can be: 13 rows are 7 and 6, not 12 and 1.
  std::ptrdiff_t row = 0;
  int share = first == panel && panel + kPanel < a.outputs ? 0 : kShares;
  for (std::ptrdiff_t tiles = (a.rows + kRows - 1) / kRows; tiles > 0; --tiles) {
    const int rows = static_cast<int>((a.rows - row + tiles - 1) / tiles);
    product_rows<Ops, kRows, N>(a, row, rows, panel, width, first, share);
    if (share < kShares) ++share;
    row += rows;
  }
}

template <class Ops>
void product_panels(const ProductOf<typename Ops::Segment>& a) {
  constexpr int kStep = Ops::kVectors * Ops::kLanes;
  for (int panel = 0; panel < a.outputs; panel += kPanel) {
    const int left = (a.outputs - panel + kGroup - 1) / kGroup * kGroup;
    const int width = left < kPanel ? left : kPanel;
    for (int first = panel; first < panel + width && first < a.outputs; first += kStep)
      product_column<Ops, Ops::kVectors>(a, panel, width, first);
  }
}

}  // namespace
}  // namespace fluvox::kernels
