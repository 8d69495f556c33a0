// The bfloat16 product in plain operations, packing, and the choice between the instruction sets.
#include "kernels/ops_scalar.h"
#include "kernels/product_bf16.h"
#include "kernels/product_bf16_tile.h"

namespace fluvox::kernels {

namespace {

float flushed(float a) { return __builtin_fabsf(a) < 0x1p-126f ? __builtin_copysignf(0, a) : a; }

float float_of_bf16(Bf16 a) { return flushed(float_of(static_cast<std::uint32_t>(a.bits) << 16)); }

Bf16 bf16_of(float a) {
  const std::uint32_t bits = bits_of(flushed(a));
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return {static_cast<std::uint16_t>((bits >> 16) | 0x40u)};  // NaN, with a quiet bit that stays
  return {static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

struct Pair {
  float even, odd;
};

struct ScalarPairs : Scalar {
  using Segment = SegmentBf16;
  using Input = Pair;
  using Weights = Pair;
  static constexpr int kTerm = 2;
  static constexpr int kPadding = kBf16Block;
  static constexpr int kVectors = 4;
  static constexpr int kRows[] = {0, 2, 2, 2, 2};
  static Pair input(const Bf16* x) { return {float_of_bf16(x[0]), float_of_bf16(x[1])}; }
  static Pair weights(const Bf16* w) { return input(w); }
  static float term(Pair x, Pair w, float sum) {
    return flushed(fma(x.even, w.even, flushed(fma(x.odd, w.odd, flushed(sum)))));
  }
};

}  // namespace

void product_bf16_scalar(const ProductArgumentsBf16& a) { product_panels<ScalarPairs>(a); }

void to_bf16_scalar(std::ptrdiff_t count, const float* from, Bf16* to) {
  for (std::ptrdiff_t i = 0; i < count; ++i) to[i] = bf16_of(from[i]);
}

void to_bf16_cpu(std::ptrdiff_t count, const float* from, Bf16* to) {
#if defined(__x86_64__)
  if (isa() >= Isa::avx512) return to_bf16_avx512(count, from, to);
  if (isa() >= Isa::avx2) return to_bf16_avx2(count, from, to);
#endif
  to_bf16_scalar(count, from, to);
}

namespace {

int padded(int inputs) { return (inputs + kBf16Block - 1) / kBf16Block * kBf16Block; }

}  // namespace

std::size_t packed_size_bf16(int inputs, int outputs) {
  return packed_size(padded(inputs), outputs);
}

void pack_bf16(const float* w, std::ptrdiff_t input_stride, std::ptrdiff_t output_stride,
               int inputs, int outputs, Bf16* packed) {
  for (int panel = 0; panel < outputs; panel += kPanel) {
    const int left = (outputs - panel + kGroup - 1) / kGroup * kGroup;
    const int width = left < kPanel ? left : kPanel;
    for (int pair = 0; pair < padded(inputs); pair += 2)
      for (int o = panel; o < panel + width; ++o)
        for (int i = pair; i < pair + 2; ++i)
          *packed++ = i < inputs && o < outputs ? bf16_of(w[i * input_stride + o * output_stride])
                                                : Bf16{0};
  }
}

void product_bf16_cpu(std::ptrdiff_t rows, int outputs, const float* bias,
                      const SegmentBf16* segments, int segment_count, float* y,
                      std::ptrdiff_t y_stride) {
  const ProductArgumentsBf16 a = {rows, outputs, bias, segments, segment_count, y, y_stride};
#if defined(__x86_64__)
  if (isa() == Isa::amx) return product_bf16_amx(a);
  if (isa() == Isa::avx512bf16) return product_bf16_avx512bf16(a);
  if (isa() == Isa::avx512) return product_bf16_avx512(a);
  if (isa() == Isa::avx2) return product_bf16_avx2(a);
#endif
  product_bf16_scalar(a);
}

}  // namespace fluvox::kernels
