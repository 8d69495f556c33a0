#include <chrono>

#include "kernels/ops_scalar.h"
#include "kernels/peak.h"
#include "kernels/peak_bursts.h"

namespace fluvox::kernels {

float fma_burst_scalar(int rounds) { return fma_burst<Scalar>(rounds); }

float read_burst_scalar(const float* memory, std::size_t count) {
  return read_burst<Scalar>(memory, count);
}

namespace {

// Bursts until the time is up; how many there were.
template <class Burst>
double bursts(double seconds, const Burst& burst) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  volatile float keep = 0;
  double count = 0;
  do {
    keep = burst();
    ++count;
  } while (Clock::now() < end);
  static_cast<void>(keep);
  return count;
}

constexpr int kRounds = 10000;

}  // namespace

double peak_fp32(Isa isa, double seconds) {
  const auto by = [&](auto burst, int lanes) {
    return bursts(seconds, [&] { return burst(kRounds); }) * kRounds * kBurstSums * 2 * lanes;
  };
#if defined(__x86_64__)
  if (isa >= Isa::avx512) return by(fma_burst_avx512, 16);
  if (isa >= Isa::avx2) return by(fma_burst_avx2, 8);
#endif
  return by(fma_burst_scalar, 1);
}

double peak_bf16(Isa isa, double seconds) {
#if defined(__x86_64__)
  if (isa == Isa::amx)
    return bursts(seconds, [] { return bf16_burst_amx(kRounds); }) * kRounds * kAmxBurst;
  if (isa == Isa::avx512bf16)
    return bursts(seconds, [] { return bf16_burst_avx512bf16(kRounds); }) * kRounds * kBurstSums *
           4 * 16;
#endif
  return peak_fp32(isa, seconds);
}

double peak_read(Isa isa, const float* memory, std::size_t count, double seconds) {
  const auto by = [&](auto burst) {
    return bursts(seconds, [&] { return burst(memory, count); }) * static_cast<double>(count) *
           sizeof(float);
  };
#if defined(__x86_64__)
  if (isa >= Isa::avx512) return by(read_burst_avx512);
  if (isa >= Isa::avx2) return by(read_burst_avx2);
#endif
  return by(read_burst_scalar);
}

}  // namespace fluvox::kernels
