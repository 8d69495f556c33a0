// The loops of peak.h, compiled once for each instruction set (ops_scalar.h). What they return
// keeps the compiler from leaving them out.
#pragma once

#include <cstddef>

#include "kernels/product_tile.h"

namespace fluvox::kernels {

constexpr int kBurstSums = 12;  // independent sums: more than latency times two a cycle

float fma_burst_scalar(int rounds);
float fma_burst_avx2(int rounds);
float fma_burst_avx512(int rounds);
float bf16_burst_avx512bf16(int rounds);
float bf16_burst_amx(int rounds);
constexpr double kAmxBurst = 6 * 2.0 * 16 * 16 * 32;  // operations of a round
float read_burst_scalar(const float* memory, std::size_t count);
float read_burst_avx2(const float* memory, std::size_t count);
float read_burst_avx512(const float* memory, std::size_t count);

namespace {

template <class Ops, int kSums>
float total(const typename Ops::V* sums) {
  float lanes[Ops::kLanes], result = 0;
  for (int i = 0; i < kSums; ++i) {
    Ops::store(lanes, sums[i]);
    for (const float lane : lanes) result += lane;
  }
  return result;
}

template <class Ops>
float fma_burst(int rounds) {
  using V = typename Ops::V;
  constexpr int kSums = kBurstSums;
  V sums[kSums];
  FLUVOX_UNROLL
  for (int i = 0; i < kSums; ++i) sums[i] = Ops::broadcast(0.1f * static_cast<float>(i));
  const V a = Ops::broadcast(0.999f), b = Ops::broadcast(1e-3f);
  for (int round = 0; round < rounds; ++round) {
    FLUVOX_UNROLL
    for (int i = 0; i < kSums; ++i) sums[i] = Ops::fma(sums[i], a, b);
  }
  return total<Ops, kSums>(sums);
}

template <class Ops>
float read_burst(const float* memory, std::size_t count) {
  constexpr std::size_t kSums = 8, kStep = kSums * Ops::kLanes;
  typename Ops::V sums[kSums];
  FLUVOX_UNROLL
  for (std::size_t i = 0; i < kSums; ++i) sums[i] = Ops::broadcast(0);
  for (std::size_t at = 0; at + kStep <= count; at += kStep) {
    FLUVOX_UNROLL
    for (std::size_t i = 0; i < kSums; ++i)
      sums[i] = Ops::add(sums[i], Ops::load(memory + at + i * Ops::kLanes));
  }
  return total<Ops, kSums>(sums);
}

}  // namespace
}  // namespace fluvox::kernels
