// What this machine can do at most, to hold measurements against: each function keeps the calling
// thread busy for about `seconds` and returns what it did meanwhile. The caller divides by the time
// it took, and runs as many of them at once as it has threads. isa: one that isa_available() found.
#pragma once

#include <cstddef>

#include "kernels/isa.h"

namespace fluvox::kernels {

// Floating-point operations (two a multiply-add) in registers, float32, by fused multiply-add.
double peak_fp32(Isa isa, double seconds);

// The same of bfloat16: by tiles for Isa::amx, by VDPBF16PS for Isa::avx512bf16; the instruction
// sets before them have nothing but float32's.
double peak_bf16(Isa isa, double seconds);

// Bytes read, over and over, of memory[0..count): take several times the last cache.
double peak_read(Isa isa, const float* memory, std::size_t count, double seconds);

}  // namespace fluvox::kernels
