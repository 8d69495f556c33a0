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

FLUVOX_HOST_DEVICE static inline PhiloxKey noise_key(std::uint64_t seed, std::uint64_t item) {
  return {{static_cast<std::uint32_t>(seed),
           static_cast<std::uint32_t>(seed >> 32) ^ static_cast<std::uint32_t>(item >> 32)}};
}

FLUVOX_HOST_DEVICE static inline Words4 noise_block(std::uint64_t seed, std::uint64_t item,
                                                    std::uint32_t channel, std::uint64_t position) {
  const std::uint64_t block = position / 4;
  const Words4 counter = {{static_cast<std::uint32_t>(block),
                           static_cast<std::uint32_t>(block >> 32), channel,
                           static_cast<std::uint32_t>(item)}};
  return philox4x32_10(counter, noise_key(seed, item));
}

// The polynomial with the coefficients c, the highest power's first
template <class Ops, int kTerms>
FLUVOX_HOST_DEVICE static inline typename Ops::V polynomial(const float (&c)[kTerms],
                                                            typename Ops::V x) {
  typename Ops::V sum = Ops::broadcast(c[0]);
  for (int i = 1; i < kTerms; ++i) sum = Ops::fma(sum, x, Ops::broadcast(c[i]));
  return sum;
}

// -ln y for y in (0, 1]
template <class Ops>
FLUVOX_HOST_DEVICE static inline typename Ops::V minus_log(typename Ops::V y) {
  using V = typename Ops::V;
  using U = typename Ops::U;
  // y = 2^exponent (1 + t), 1 + t in [sqrt(1/2), sqrt(2))
  const U bits = Ops::bits(y);
  const U exponent = Ops::template signed_right<23>(Ops::subtract(bits, Ops::words(0x3f3504f3u)));
  const V t = Ops::sub(Ops::floats(Ops::subtract(bits, Ops::template left<23>(exponent))),
                       Ops::broadcast(1));
  const float ratio[] = {0.08733534813f, -0.1444180757f, 0.1497928947f, -0.1655234545f,
                         0.1995361447f,  -0.2500249147f, 0.3333422542f, -0.4999998212f};
  // ln(1 + t) = t + t^2 ratio(t)
  const V log_mantissa = Ops::fma(Ops::mul(t, t), polynomial<Ops>(ratio, t), t);
  return Ops::fma(Ops::signed_float(Ops::subtract(Ops::words(0), exponent)),
                  Ops::broadcast(0.693147181f), Ops::sub(Ops::broadcast(0), log_mantissa));
}

template <class Ops>
FLUVOX_HOST_DEVICE static inline typename Ops::V normals_of_words(typename Ops::U words) {
  using V = typename Ops::V;
  using U = typename Ops::U;
  const U twice = Ops::template left<1>(words);  // 2 m
  const V unit = Ops::broadcast(0x1p-32f);
  const V p2 = Ops::mul(Ops::nearest_float(Ops::plus(twice, Ops::words(1))), unit);  // 2 p
  const V x = Ops::mul(Ops::nearest_float(Ops::exclusive_or(twice, Ops::words(0xffffffffu))),
                       unit);  // 1 - 2 p
  const V w = minus_log<Ops>(Ops::mul(p2, Ops::sub(Ops::broadcast(2), p2)));
  const float centre[] = {-1.2432346445e-08f, 3.2855918875e-08f,  6.592637635e-07f,
                          -4.897004146e-06f,  -7.019228635e-06f,  3.08785675e-04f,
                          -1.7716445725e-03f, -5.9077172165e-03f, 0.3488020301f,
                          2.123313427f};
  V z = Ops::mul(polynomial<Ops>(centre, Ops::sub(w, Ops::broadcast(2.5f))), x);
  const auto central = Ops::less(w, Ops::broadcast(5));
  if (!Ops::all(central)) {
    const float tail[] = {-1.290304499e-05f, 1.784276174e-05f, 5.567076005e-05f,
                          -2.789642604e-04f, 9.348098538e-04f, -2.650311915e-03f,
                          4.870360252e-03f,  1.424131155f,     4.628051281f};
    const V u = Ops::sub(Ops::root(w), Ops::broadcast(3.4375f));
    z = Ops::select(central, z, polynomial<Ops>(tail, u));
  }
  return Ops::with_sign_of(z, Ops::floats(words));
}

FLUVOX_HOST_DEVICE static inline float normal_of_word(std::uint32_t word) {
  return normals_of_words<Scalar>(word);
}

FLUVOX_HOST_DEVICE static inline float normal(std::uint64_t seed, std::uint64_t item,
                                              std::uint32_t channel, std::uint64_t position) {
  return normal_of_word(noise_block(seed, item, channel, position).word[position % 4]);
}

// out[i] = normal(seed, item, channel, first_position + i), i in [0, count)
void normals_cpu(std::uint64_t seed, std::uint64_t item, std::uint32_t channel,
                 std::uint64_t first_position, std::ptrdiff_t count, float* out);

// z[t][c] = normal(seed, item, c, first_position + t), t in [0, rows), c in [0, channels)
void noise_cpu(float* z, std::ptrdiff_t rows, int channels, std::uint64_t seed, std::uint64_t item,
               std::uint64_t first_position);
Status noise_cuda(float* z, std::ptrdiff_t rows, int channels, std::uint64_t seed,
                  std::uint64_t item, std::uint64_t first_position, Stream stream);

}  // namespace fluvox::kernels
