// AMX's tile registers. For files compiled with it, on a thread whose process has the permission
// (isa_available).
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace fluvox::kernels {
namespace {

struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};

// g++'s tile loads do not say that they read memory: what was written must be there before.
[[maybe_unused]] void written_before_tile_loads() { __asm__ volatile("" ::: "memory"); }

// All eight tiles 64 bytes wide; 0 to 5 `rows` high, 6 and 7 16. To be undone by _tile_release().
void configure_tiles(int rows) {
  TileConfig config;
  for (int tile = 0; tile < 8; ++tile) {
    config.row_bytes[tile] = 64;
    config.rows[tile] = static_cast<std::uint8_t>(tile < 6 ? rows : 16);
  }
  written_before_tile_loads();
  __asm__ volatile("ldtilecfg %0" ::"m"(config));
}

}  // namespace
}  // namespace fluvox::kernels
