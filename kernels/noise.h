// Standard normal noise by address: one number for each (seed, item, channel, position), the same
// bits on CPU and GPU, whatever the chunk, batch, thread or shard.
//
//   normal(seed, item, channel, position) = Phi^-1(u),   u from one word of Philox4x32-10
//
// Address. Four consecutive positions share one Philox block:
//   counter = { low 32 bits of position / 4, high 30 bits of it, channel, low 32 bits of item }
//   key     = { low 32 bits of seed, high 32 bits of seed XOR high 32 bits of item }
//   word    = block[position mod 4]
// For one seed no two (item, channel, position) share a word.
//
// From a word to a normal. Bit 31 is the sign (set: negative); the other 31 bits, m, give the tail
// probability p = (m + 1/2) / 2^32 in (0, 1/2). With x = 1 - 2p and w = -ln(4 p (1 - p)):
//   w <  5:  z = x C(w - 5/2)               C of degree 9
//   w >= 5:  z = T(sqrt(w) - 55/16)         T of degree 8
// The logarithm is the exponent times ln 2 plus a polynomial of the mantissa. Only operations that
// round once and alike everywhere are used (portable.h). The largest |z| is 6.34. Against Phi^-1 in
// float64, over all 2^31 magnitudes: relative error at most 2.6e-7 (3.6 units in the last place).
//
// Dtypes: float32. The array that the twins fill is time-major, [rows][channels], contiguous.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/philox.h"
#include "kernels/status.h"

namespace fluvox::kernels {

FLUVOX_HOST_DEVICE static inline Words4 noise_block(std::uint64_t seed, std::uint64_t item,
                                                    std::uint32_t channel, std::uint64_t position) {
  const std::uint64_t block = position / 4;
  const Words4 counter = {{static_cast<std::uint32_t>(block),
                           static_cast<std::uint32_t>(block >> 32), channel,
                           static_cast<std::uint32_t>(item)}};
  const PhiloxKey key = {
      {static_cast<std::uint32_t>(seed),
       static_cast<std::uint32_t>(seed >> 32) ^ static_cast<std::uint32_t>(item >> 32)}};
  return philox4x32_10(counter, key);
}

// -ln y for y in (0, 1]
FLUVOX_HOST_DEVICE static inline float minus_log(float y) {
  // y = 2^exponent (1 + t), 1 + t in [sqrt(1/2), sqrt(2))
  const auto bits = static_cast<std::int32_t>(bits_of(y));
  const std::int32_t exponent = (bits - 0x3f3504f3) >> 23;
  const float t = minus(float_of(static_cast<std::uint32_t>(bits - exponent * 0x800000)), 1.0f);
  float r = 0.08733534813f;  // ln(1 + t) = t + t^2 r(t)
  r = fused(r, t, -0.1444180757f);
  r = fused(r, t, 0.1497928947f);
  r = fused(r, t, -0.1655234545f);
  r = fused(r, t, 0.1995361447f);
  r = fused(r, t, -0.2500249147f);
  r = fused(r, t, 0.3333422542f);
  r = fused(r, t, -0.4999998212f);
  const float log_mantissa = fused(times(t, t), r, t);
  return fused(static_cast<float>(-exponent), 0.693147181f, -log_mantissa);
}

FLUVOX_HOST_DEVICE static inline float normal_of_word(std::uint32_t word) {
  const std::uint32_t twice = word << 1;                        // 2 m
  const float p2 = times(nearest_float(twice + 1u), 0x1p-32f);  // 2 p
  const float x = times(nearest_float(~twice), 0x1p-32f);       // 1 - 2 p
  const float w = minus_log(times(p2, minus(2.0f, p2)));
  float z;
  if (w < 5.0f) {
    const float u = minus(w, 2.5f);
    z = -1.2432346445e-08f;
    z = fused(z, u, 3.2855918875e-08f);
    z = fused(z, u, 6.592637635e-07f);
    z = fused(z, u, -4.897004146e-06f);
    z = fused(z, u, -7.019228635e-06f);
    z = fused(z, u, 3.08785675e-04f);
    z = fused(z, u, -1.7716445725e-03f);
    z = fused(z, u, -5.9077172165e-03f);
    z = fused(z, u, 0.3488020301f);
    z = fused(z, u, 2.123313427f);
    z = times(z, x);
  } else {
    const float u = minus(square_root(w), 3.4375f);
    z = -1.290304499e-05f;
    z = fused(z, u, 1.784276174e-05f);
    z = fused(z, u, 5.567076005e-05f);
    z = fused(z, u, -2.789642604e-04f);
    z = fused(z, u, 9.348098538e-04f);
    z = fused(z, u, -2.650311915e-03f);
    z = fused(z, u, 4.870360252e-03f);
    z = fused(z, u, 1.424131155f);
    z = fused(z, u, 4.628051281f);
  }
  return float_of(bits_of(z) | (word & 0x80000000u));
}

FLUVOX_HOST_DEVICE static inline float normal(std::uint64_t seed, std::uint64_t item,
                                              std::uint32_t channel, std::uint64_t position) {
  return normal_of_word(noise_block(seed, item, channel, position).word[position % 4]);
}

// z[t][c] = normal(seed, item, c, first_position + t), t in [0, rows), c in [0, channels)
void noise_cpu(float* z, std::ptrdiff_t rows, int channels, std::uint64_t seed, std::uint64_t item,
               std::uint64_t first_position);
Status noise_cuda(float* z, std::ptrdiff_t rows, int channels, std::uint64_t seed,
                  std::uint64_t item, std::uint64_t first_position, Stream stream);

}  // namespace fluvox::kernels
