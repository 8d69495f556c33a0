// Compiled for its instruction set (cmake/FluvoxKernels.cmake).
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels/amx_tiles.h"
#include "kernels/peak_bursts.h"

namespace fluvox::kernels {

float bf16_burst_amx(int rounds) {
  alignas(64) float values[16][16] = {};
  configure_tiles(16);
  _tile_loadd(6, values, 64);
  _tile_loadd(7, values, 64);
  for (int round = 0; round < rounds; ++round) {
    _tile_dpbf16ps(0, 6, 7);
    _tile_dpbf16ps(1, 6, 7);
    _tile_dpbf16ps(2, 6, 7);
    _tile_dpbf16ps(3, 6, 7);
    _tile_dpbf16ps(4, 6, 7);
    _tile_dpbf16ps(5, 6, 7);
  }
  _tile_stored(0, values, 64);
  _tile_release();
  return values[0][0];
}

}  // namespace fluvox::kernels
#endif
