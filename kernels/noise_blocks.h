// The noise's loop, compiled once for each instruction set (ops_scalar.h): a lane is a Philox
// block.
#pragma once

#include "kernels/noise.h"

namespace fluvox::kernels {

struct NoiseArguments {
  std::uint64_t seed, item;
  std::uint32_t channel;
  std::uint64_t first_position;
  std::ptrdiff_t count;
  float* out;
};

void normals_scalar(const NoiseArguments& a);
void normals_avx2(const NoiseArguments& a);
void normals_avx512(const NoiseArguments& a);

namespace {

template <class Ops>
void normals(const NoiseArguments& a) {
  constexpr int kLanes = Ops::kLanes, kDraw = 4 * kLanes;
  const PhiloxKey key = noise_key(a.seed, a.item);
  std::uint64_t block = a.first_position / 4;
  std::ptrdiff_t at = -static_cast<std::ptrdiff_t>(a.first_position % 4);  // of the draw's first
  for (; at < a.count; at += kDraw, block += kLanes) {
    std::uint32_t low[kLanes], high[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      const std::uint64_t mine = block + static_cast<std::uint64_t>(Ops::block_of_lane(lane));
      low[lane] = static_cast<std::uint32_t>(mine);
      high[lane] = static_cast<std::uint32_t>(mine >> 32);
    }
    typename Ops::U words[4] = {Ops::load_words(low), Ops::load_words(high), Ops::words(a.channel),
                                Ops::words(static_cast<std::uint32_t>(a.item))};
    philox_rounds<Ops>(words, key);
    typename Ops::V z[4];
    for (int j = 0; j < 4; ++j) z[j] = normals_of_words<Ops>(words[j]);
    if (at >= 0 && at + kDraw <= a.count) {
      Ops::store4(z, a.out + at);
      continue;
    }
    float draw[kDraw];
    Ops::store4(z, draw);
    const int first = at < 0 ? static_cast<int>(-at) : 0;
    const int last = a.count - at < kDraw ? static_cast<int>(a.count - at) : kDraw;
    for (int i = first; i < last; ++i) a.out[at + i] = draw[i];
  }
}

}  // namespace
}  // namespace fluvox::kernels
