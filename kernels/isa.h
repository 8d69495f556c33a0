// The instruction sets that the kernels are compiled for, and the one in use; each includes those
// before it. All give the same bits and differ in speed alone, but for the bfloat16 product with
// amx (product_bf16.h). Chosen once, before any thread starts: the best one that this machine has,
// unless the program is told otherwise (FLUVOX_ISA).
#pragma once

namespace fluvox::kernels {

enum class Isa { scalar, avx2, avx512, avx512bf16, amx };

const char* isa_name(Isa isa);                   // as spelt above
bool isa_from_name(const char* name, Isa* isa);  // false: no such name, *isa untouched
bool isa_available(Isa isa);                     // compiled in, and this machine has it
Isa best_isa();

Isa isa();              // in use; best_isa() at first
bool set_isa(Isa isa);  // false, and nothing changed, where it is not available

}  // namespace fluvox::kernels
