// The product in plain fused multiply-adds, the packing of weights, and the choice between the
// instruction sets.
#include "kernels/ops_scalar.h"
#include "kernels/product.h"
#include "kernels/product_tile.h"

namespace fluvox::kernels {

namespace {

struct ScalarTiles : PlainTerms<Scalar> {
  static constexpr int kVectors = 4;
  static constexpr int kRows[] = {0, 2, 2, 2, 2};
};

}  // namespace

void product_scalar(const ProductArguments& a) { product_panels<ScalarTiles>(a); }

std::size_t packed_size(int inputs, int outputs) {
  const std::size_t groups = (static_cast<std::size_t>(outputs) + kGroup - 1) / kGroup;
  return static_cast<std::size_t>(inputs) * groups * kGroup;
}

void pack(const float* w, std::ptrdiff_t input_stride, std::ptrdiff_t output_stride, int inputs,
          int outputs, float* packed) {
  for (int panel = 0; panel < outputs; panel += kPanel) {
    const int left = (outputs - panel + kGroup - 1) / kGroup * kGroup;
    const int width = left < kPanel ? left : kPanel;
    for (int i = 0; i < inputs; ++i)
      for (int o = panel; o < panel + width; ++o)
        *packed++ = o < outputs ? w[i * input_stride + o * output_stride] : 0;
  }
}

void product_cpu(std::ptrdiff_t rows, int outputs, const float* bias, const Segment* segments,
                 int segment_count, float* y, std::ptrdiff_t y_stride) {
  const ProductArguments a = {rows, outputs, bias, segments, segment_count, y, y_stride};
#if defined(__x86_64__)
  if (isa() >= Isa::avx512) return product_avx512(a);
  if (isa() >= Isa::avx2) return product_avx2(a);
#endif
  product_scalar(a);
}

}  // namespace fluvox::kernels
