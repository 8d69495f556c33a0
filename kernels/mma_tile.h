// The product that the tensor-core kernels are made of: a tile of rows x columns by one block.
//
//   sums[row][column] = sum over chunks of k, in their order, of x[row][k] w[k][column]
//
// Numbers of 16 bits go through mma.sync, float through fused multiply-adds: either way an element
// is summed in the order of its own k, whatever the tile. So the bits depend neither on the tile's
// size nor on where in it a row stands.
//
// The chunks (64 bytes of k, mma_weights.h) come through kStages stages of shared memory, filled in
// the background; a stage holds the rows' chunk (where kRowsStaged; else a kernel keeps its rows
// elsewhere in shared memory), each 16 bytes apart from the next so that eight of them lie in
// different banks, and the panels of weights. A kernel fills a stage by its own rule: no
// convolution copies its input first.
//
// The block's warps stand kDown x kAcross; each has 16 kHeights rows x 16 kPanels columns, and a
// lane of it, with g = lane / 4 and t = lane % 4, of every 16 x 8 of them rows g and g + 8 and
// columns 2 t and 2 t + 1 (device.h, multiply_add). float is dealt out alike.
#pragma once

#include "kernels/device.h"
#include "kernels/mma_segments.h"

namespace fluvox::kernels {

constexpr int kRowBytes = kChunkBytes + 16;  // from row to row of a stage
constexpr int kCopyBytes = 16;
constexpr int kFloatRow = kPanelOutputs * 4;  // a panel's weights for one k, as floats
constexpr unsigned kWarpLanes = 32;

template <class T, int kDown, int kAcross, int kHeights, int kPanels, bool kRowsStaged = true>
struct MmaTile {
  static constexpr int kThreads = static_cast<int>(kWarpLanes) * kDown * kAcross;
  static constexpr int kWarpRows = 16 * kHeights, kWarpPanels = kPanels;
  static constexpr int kRows = kWarpRows * kDown;
  static constexpr int kColumns = kPanelOutputs * kPanels * kAcross;
  static constexpr int kStages = 3;
  static constexpr int kWeightsAt = kRowsStaged ? kRows * kRowBytes : 0;  // in a stage
  static constexpr int kPassPanels = kColumns / kPanelOutputs;
  static constexpr int kStageBytes = kWeightsAt + kPassPanels * kPanelBytes;
  static constexpr std::size_t kSharedBytes = std::size_t{kStages} * kStageBytes;

  // What a lane holds: [16 rows][8 columns][row g: 2 columns, row g + 8: 2 columns]
  float sums[kHeights][2 * kPanels][4];

  __device__ static int lane() { return static_cast<int>(threadIdx.x % kWarpLanes); }
  __device__ static int warp() { return static_cast<int>(threadIdx.x / kWarpLanes); }
  __device__ static int first_row() { return warp() / kAcross * kWarpRows; }
  __device__ static int first_panel() { return warp() % kAcross * kPanels; }

  // The rows that a lane has a part of, and the i-th of them.
  static constexpr int kLaneRows = 2 * kHeights;
  __device__ static int lane_row(int i) { return first_row() + 8 * i + lane() / 4; }

  __device__ void clear() {
    for (auto& height : sums)
      for (auto& eight : height)
        for (float& sum : eight) sum = 0;
  }

  // Calls use(i, p, a, b) for each of this lane's rows lane_row(i) in each of its warp's panels
  // first_panel() + p below `panels`: columns 2 t, 2 t + 1 of the panel are a[0], a[1], columns
  // 8 + 2 t, 9 + 2 t are b[0], b[1].
  template <class Use>
  __device__ void each(int panels, Use use) {
    FLUVOX_UNROLLED
    for (int height = 0; height < kHeights; ++height) {
      FLUVOX_UNROLLED
      for (int p = 0; p < kPanels; ++p) {
        if (first_panel() + p >= panels) break;
        FLUVOX_UNROLLED
        for (int half = 0; half < 2; ++half)
          use(2 * height + half, p, &sums[height][2 * p][2 * half],
              &sums[height][2 * p + 1][2 * half]);
      }
    }
  }

  // Fills the weights of a stage: `panels` of them, side by side in memory.
  __device__ static void fill_weights(unsigned char* stage, const T* w, int panels) {
    unsigned char* to = stage + kWeightsAt;
    const auto* from = reinterpret_cast<const unsigned char*>(w);
    for (int at = static_cast<int>(threadIdx.x) * kCopyBytes; at < panels * kPanelBytes;
         at += kThreads * kCopyBytes)
      copy_async(to + at, from + at, true);
  }

  // Fills the rows of a stage. row(r): where the chunk of row r begins, or nullptr for zeros; of
  // the chunk only the first `inputs` numbers are there, a whole number of copies.
  template <class Row>
  __device__ static void fill_rows(unsigned char* stage, const T* anywhere, int inputs, Row row) {
    constexpr int kCopies = kChunkBytes / kCopyBytes;
    constexpr int kNumbers = kCopyBytes / static_cast<int>(sizeof(T));
    static_assert(kRowsStaged && kRows * kCopies % kThreads == 0);
    FLUVOX_UNROLLED
    for (int i = 0; i < kRows * kCopies / kThreads; ++i) {
      const int at = i * kThreads + static_cast<int>(threadIdx.x);
      const int r = at / kCopies, copy = at % kCopies;
      const T* from = row(r);
      const bool there = from != nullptr && copy * kNumbers < inputs;
      copy_async(stage + r * kRowBytes + copy * kCopyBytes,
                 there ? from + copy * kNumbers : anywhere, there);
    }
  }

  // Adds one chunk's products. row(r): where the chunk of row r of the tile begins, in shared
  // memory; w: the panels of a stage, of which the first `panels` are there.
  template <class Row>
  __device__ void add_chunk(Row row, const unsigned char* w, int panels) {
    if constexpr (sizeof(T) == 2)
      add_on_tensor_cores(row, w, panels);
    else
      add_by_fma(row, w, panels);
  }

  // Runs chunks [from, to) of the sequence that fill(stage, chunk) knows `last` of. The stages of
  // the following chunks are being filled when it returns, so begin() comes once, before the first.
  // rows(stage, chunk): the chunk's row(r).
  template <class Fill>
  __device__ static void begin(unsigned char* stages, int last, Fill& fill) {
    for (int chunk = 0; chunk < kStages - 1; ++chunk) {
      if (chunk < last) fill(stages + chunk * kStageBytes, chunk);
      copy_async_commit();
    }
  }

  template <class Fill, class Rows>
  __device__ void run(unsigned char* stages, int from, int to, int last, int panels, Fill& fill,
                      Rows rows) {
    for (int chunk = from; chunk < to; ++chunk) {
      copy_async_wait<kStages - 2>();
      // All have this chunk, and all have done with the stage that is filled next.
      __syncthreads();
      const int ahead = chunk + kStages - 1;
      if (ahead < last) fill(stages + ahead % kStages * kStageBytes, ahead);
      copy_async_commit();
      const unsigned char* stage = stages + chunk % kStages * kStageBytes;
      add_chunk(rows(stage, chunk), stage + kWeightsAt, panels);
    }
  }

 private:
  template <class Row>
  __device__ void add_on_tensor_cores(Row row, const unsigned char* w, int panels) {
    // ldmatrix: lanes 0..15 point at the rows' first 8 numbers, lanes 16..31 at the next 8.
    const int mine = first_row() + lane() % 16, eight = lane() / 16 * 16;
    w += first_panel() * kPanelBytes + lane() * 16;
    FLUVOX_UNROLLED
    for (int k = 0; k < kChunkBytes / 32; ++k) {
      std::uint32_t a[kHeights][4];
      FLUVOX_UNROLLED
      for (int height = 0; height < kHeights; ++height)
        load_matrices(a[height], row(mine + 16 * height) + eight + 32 * k);
      FLUVOX_UNROLLED
      for (int p = 0; p < kPanels; ++p) {
        if (first_panel() + p >= panels) break;
        const uint4 b = *reinterpret_cast<const uint4*>(w + p * kPanelBytes + k * kPanelBytes / 2);
        FLUVOX_UNROLLED
        for (int height = 0; height < kHeights; ++height) {
          multiply_add<T>(sums[height][2 * p], a[height], b.x, b.y);
          multiply_add<T>(sums[height][2 * p + 1], a[height], b.z, b.w);
        }
      }
    }
  }

  template <class Row>
  __device__ void add_by_fma(Row row, const unsigned char* w, int panels) {
    const int mine = first_row() + lane() / 4;
    w += first_panel() * kPanelBytes + lane() % 4 * 8;
    for (int k = 0; k < kChunkBytes; k += kCopyBytes) {
      float4 a[2 * kHeights];
      FLUVOX_UNROLLED
      for (int i = 0; i < 2 * kHeights; ++i)
        a[i] = *reinterpret_cast<const float4*>(row(mine + 8 * i) + k);
      FLUVOX_UNROLLED
      for (int p = 0; p < 2 * kPanels; ++p) {
        if (first_panel() + p / 2 >= panels) break;
        const unsigned char* b = w + p / 2 * kPanelBytes + p % 2 * 32 + k / 4 * kFloatRow;
        add_outer(p, a, b, &float4::x);
        add_outer(p, a, b + kFloatRow, &float4::y);
        add_outer(p, a, b + 2 * kFloatRow, &float4::z);
        add_outer(p, a, b + 3 * kFloatRow, &float4::w);
      }
    }
  }

  __device__ void add_outer(int eight, const float4 (&a)[2 * kHeights], const unsigned char* w,
                            float float4::*k) {
    const float2 b = *reinterpret_cast<const float2*>(w);
    FLUVOX_UNROLLED
    for (int i = 0; i < 2 * kHeights; ++i) {
      float* sum = &sums[i / 2][eight][2 * (i % 2)];
      sum[0] = fused(a[i].*k, b.x, sum[0]);
      sum[1] = fused(a[i].*k, b.y, sum[1]);
    }
  }
};

// Two neighbours of a row, aligned to both.
template <class T>
__device__ void store_two(T* to, float first, float second) {
  if constexpr (sizeof(T) == 4)
    *reinterpret_cast<float2*>(to) = make_float2(first, second);
  else
    *reinterpret_cast<std::uint32_t*>(to) = pair_of<T>(first, second);
}

// A pass is as many columns as a tile has.
template <class Tile>
__device__ int passes_of(int panels) {
  return (panels + Tile::kPassPanels - 1) / Tile::kPassPanels;
}
template <class Tile>
__device__ int panels_in(int pass, int panels) {
  const int left = panels - pass * Tile::kPassPanels;
  return left < Tile::kPassPanels ? left : Tile::kPassPanels;
}

// Fills a stage with the weights of one chunk and pass, out of packed ones.
template <class T, class Tile>
__device__ void fill_pass(unsigned char* stage, const T* w, int chunk, int pass, int panels) {
  const std::ptrdiff_t panel = std::ptrdiff_t{chunk} * panels + pass * Tile::kPassPanels;
  Tile::fill_weights(stage, w + panel * (kPanelBytes / static_cast<int>(sizeof(T))),
                     panels_in<Tile>(pass, panels));
}

// Fills stages with the rows of segments, chunk after chunk, from the first again after the last.
template <class T, class Tile>
struct SegmentWalk {
  const MmaSegments<T>& segments;
  const Span& span;
  const std::ptrdiff_t first;  // row of the tile
  int segment = 0, input = 0;

  __device__ void fill(unsigned char* stage) {
    const MmaSegment<T>& here = segments.at[segment];
    // Of rows that are not made nothing is read: a stream's memory may end there.
    const std::ptrdiff_t end = span.end + here.offset < span.to ? span.end + here.offset : span.to;
    Tile::fill_rows(stage, here.x, here.inputs - input, [&](int r) -> const T* {
      const std::ptrdiff_t row = first + r + here.offset;
      return row >= span.from && row < end ? here.x + row * here.stride + input : nullptr;
    });
    input += kChunk<T>;
    if (input < here.inputs) return;
    input = 0;
    segment = segment + 1 == segments.count ? 0 : segment + 1;
  }
};

// The rows of a stage, as Tile::run wants them.
struct StagedRows {
  __device__ auto operator()(const unsigned char* stage, int) const {
    return [stage](int row) { return stage + row * kRowBytes; };
  }
};

}  // namespace fluvox::kernels
