// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
//
// Tile registers: 0 to 3 the sums of 2 x 2 blocks of 16 rows by 16 outputs, 4 and 5 the inputs of
// those rows (16 rows of 32 inputs), 6 and 7 the weights (16 pairs by 16 outputs).
//
// As in product_tile.h, the first tiles of a panel ask for the weights of the next one: of the 64
// cache lines that a block of 32 inputs has there, every tile asks for a quarter.
//
// A last block of fewer than 16 rows begins earlier and computes some rows again: their bits are
// the same. Where there are fewer than 16 rows in all, the tiles are that much shorter.
#if defined(__x86_64__)
#include "kernels/amx_tiles.h"
#include "kernels/product_bf16_tile.h"

namespace fluvox::kernels {

namespace {

constexpr int kTileRows = 16;
constexpr int kTileOutputs = 16;
constexpr float kZeros[2 * kTileOutputs] = {};

// Two blocks of rows, the first ones `row` and `second`, by N groups of 16 outputs from `first` on.
// `height` rows each; kPair: there is a second one.
template <bool kPair, int N>
void tile(const ProductArgumentsBf16& a, std::ptrdiff_t row, std::ptrdiff_t second, int height,
          int panel, int width, int first, int share) {
  const int left = a.outputs - first;
  const int valid = left < N * kTileOutputs ? left : N * kTileOutputs;
  // A tile load waits long for a store just made, so only what must be copied is.
  alignas(64) float copied[2 * kTileOutputs];
  const float* bias = a.bias == nullptr ? kZeros : a.bias + first;
  if (a.bias != nullptr && valid < N * kTileOutputs) {
    for (int o = 0; o < N * kTileOutputs; ++o) copied[o] = o < valid ? bias[o] : 0;
    bias = copied;
    written_before_tile_loads();
  }
  _tile_loadd(0, bias, 0);  // the same row each time
  if constexpr (N == 2) _tile_loadd(1, bias + kTileOutputs, 0);
  if constexpr (kPair) _tile_loadd(2, bias, 0);
  if constexpr (kPair && N == 2) _tile_loadd(3, bias + kTileOutputs, 0);

  const int w_stride = width * 4;  // bytes from pair to pair
  for (int s = 0; s < a.segment_count; ++s) {
    const SegmentBf16& segment = a.segments[s];
    const int packed = (segment.inputs + kBf16Block - 1) / kBf16Block * kBf16Block;
    const Bf16* w = segment.w + static_cast<std::ptrdiff_t>(panel) * packed + (first - panel) * 2;
    const Bf16* x = segment.x + row * segment.stride;
    const Bf16* x2 = segment.x + second * segment.stride;
    std::ptrdiff_t x_stride = segment.stride * 2;
    const char* ahead = reinterpret_cast<const char*>(
        segment.w + static_cast<std::ptrdiff_t>(panel + kPanel) * packed);
    constexpr int kLines = kPanel * kBf16Block * static_cast<int>(sizeof(Bf16)) / kLine;
    ahead += std::ptrdiff_t{share} * (kLines / kShares) * kLine;
    alignas(64) Bf16 last[2][kTileRows][kBf16Block];
    for (int i = 0; i < segment.inputs; i += kBf16Block) {
      if (const int inputs = segment.inputs - i;
          inputs < kBf16Block && segment.readable < i + kBf16Block) {
        const auto mask = static_cast<__mmask16>((1u << (inputs / 2)) - 1);
        for (int r = 0; r < height; ++r) {
          _mm512_store_si512(last[0][r], _mm512_maskz_loadu_epi32(mask, x + r * segment.stride));
          if constexpr (kPair)
            _mm512_store_si512(last[1][r], _mm512_maskz_loadu_epi32(mask, x2 + r * segment.stride));
        }
        written_before_tile_loads();
        x = last[0][0];
        x2 = last[1][0];
        x_stride = sizeof last[0][0];
      }
      if (share < kShares) {
        for (int line = 0; line < kLines / kShares; ++line)
          __builtin_prefetch(ahead + line * kLine, 0, 2);
        ahead += kLines * kLine;
      }
      _tile_loadd(6, w, w_stride);
      _tile_loadd(4, x, x_stride);
      _tile_dpbf16ps(0, 4, 6);
      if constexpr (kPair) {
        _tile_loadd(5, x2, x_stride);
        _tile_dpbf16ps(2, 5, 6);
      }
      if constexpr (N == 2) {
        _tile_loadd(7, w + 2 * kTileOutputs, w_stride);
        _tile_dpbf16ps(1, 4, 7);
        if constexpr (kPair) _tile_dpbf16ps(3, 5, 7);
      }
      x += kBf16Block;
      x2 += kBf16Block;
      w += static_cast<std::ptrdiff_t>(width) * kBf16Block;
    }
  }

  const std::ptrdiff_t y_stride = a.y_stride * static_cast<std::ptrdiff_t>(sizeof(float));
  if (valid == N * kTileOutputs) {
    float* y = a.y + row * a.y_stride + first;
    float* y2 = a.y + second * a.y_stride + first;
    _tile_stored(0, y, y_stride);
    if constexpr (N == 2) _tile_stored(1, y + kTileOutputs, y_stride);
    if constexpr (kPair) _tile_stored(2, y2, y_stride);
    if constexpr (kPair && N == 2) _tile_stored(3, y2 + kTileOutputs, y_stride);
    return;
  }
  alignas(64) float whole[kTileRows][2 * kTileOutputs];
  const auto copy = [&](std::ptrdiff_t to) {
    for (int r = 0; r < height; ++r)
      for (int o = 0; o < valid; ++o) a.y[(to + r) * a.y_stride + first + o] = whole[r][o];
  };
  _tile_stored(0, whole, sizeof whole[0]);
  if constexpr (N == 2) _tile_stored(1, whole[0] + kTileOutputs, sizeof whole[0]);
  copy(row);
  if constexpr (kPair) {
    _tile_stored(2, whole, sizeof whole[0]);
    if constexpr (N == 2) _tile_stored(3, whole[0] + kTileOutputs, sizeof whole[0]);
    copy(second);
  }
}

// Returns the share that the next tile of the panel asks for.
template <int N>
int column(const ProductArgumentsBf16& a, int height, int panel, int width, int first, int share) {
  const std::ptrdiff_t last = a.rows - height;  // where the last block begins
  for (std::ptrdiff_t row = 0; row < a.rows; row += 2 * height) {
    const std::ptrdiff_t here = row < last ? row : last, next = row + height;
    if (next < a.rows)
      tile<true, N>(a, here, next < last ? next : last, height, panel, width, first, share);
    else
      tile<false, N>(a, here, here, height, panel, width, first, share);
    if (share < kShares) ++share;
  }
  return share;
}

}  // namespace

void product_bf16_amx(const ProductArgumentsBf16& a) {
  if (a.rows <= 0) return;
  const int height = a.rows < kTileRows ? static_cast<int>(a.rows) : kTileRows;
  configure_tiles(height);
  for (int panel = 0; panel < a.outputs; panel += kPanel) {
    const int left = (a.outputs - panel + kGroup - 1) / kGroup * kGroup;
    const int width = left < kPanel ? left : kPanel;
    int share = panel + kPanel < a.outputs ? 0 : kShares;
    for (int first = panel; first < panel + width; first += 2 * kTileOutputs)
      share = panel + width - first > kTileOutputs
                  ? column<2>(a, height, panel, width, first, share)
                  : column<1>(a, height, panel, width, first, share);
  }
  _tile_release();
}

}  // namespace fluvox::kernels
#endif
