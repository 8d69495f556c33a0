// The bfloat16 product and conversion, compiled once for each instruction set (product_tile.h).
#pragma once

#include "kernels/product_bf16.h"
#include "kernels/product_tile.h"

namespace fluvox::kernels {

constexpr int kBf16Block = 32;  // inputs of a segment are packed in multiples of this

using ProductArgumentsBf16 = ProductOf<SegmentBf16>;
void product_bf16_scalar(const ProductArgumentsBf16& a);
void product_bf16_avx2(const ProductArgumentsBf16& a);
void product_bf16_avx512(const ProductArgumentsBf16& a);
void product_bf16_avx512bf16(const ProductArgumentsBf16& a);
void product_bf16_amx(const ProductArgumentsBf16& a);

void to_bf16_scalar(std::ptrdiff_t count, const float* from, Bf16* to);
void to_bf16_avx2(std::ptrdiff_t count, const float* from, Bf16* to);
void to_bf16_avx512(std::ptrdiff_t count, const float* from, Bf16* to);

}  // namespace fluvox::kernels
