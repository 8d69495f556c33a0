// Rows of several series that a kernel works on at once: in each the rows [begin, end) are made,
// and of the series itself rows [from, to) are there; where a kernel looks further it meets zeros.
// So utterances of different lengths stand one after the other without padding, and a stream keeps
// its past before `begin`. Spans do not overlap.
#pragma once

#include <cstddef>

#include "kernels/portable.h"

namespace fluvox::kernels {

struct Span {
  std::ptrdiff_t begin, end;
  std::ptrdiff_t from, to;
};

// No fewer tiles of so many rows than any `count` spans have that make `made` rows together.
inline std::ptrdiff_t most_tiles(std::ptrdiff_t made, int count, int tile_rows) {
  return made > 0 ? made / tile_rows + count : 0;
}

// The span and the first row of a tile, the tiles counted through all spans. false: there is none.
FLUVOX_HOST_DEVICE inline bool find_tile(const Span* spans, int count, int tile_rows,
                                         std::ptrdiff_t tile, Span* span, std::ptrdiff_t* first) {
  for (int s = 0; s < count; ++s) {
    *span = spans[s];
    const std::ptrdiff_t tiles = (span->end - span->begin + tile_rows - 1) / tile_rows;
    if (tile < tiles) {
      *first = span->begin + tile * tile_rows;
      return true;
    }
    tile -= tiles;
  }
  return false;
}

}  // namespace fluvox::kernels
