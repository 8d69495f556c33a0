// The instruction sets that the products are compiled for, and the one in use. All give the same
// bits; they differ in speed alone. Chosen once, before any thread starts: the best one that this
// machine has, unless the program is told otherwise (FLUVOX_ISA).
#pragma once

namespace fluvox::kernels {

enum class Isa { scalar, avx2, avx512 };

const char* isa_name(Isa isa);                   // "scalar", "avx2", "avx512"
bool isa_from_name(const char* name, Isa* isa);  // false: no such name, *isa untouched
bool isa_available(Isa isa);                     // compiled in, and this machine has it
Isa best_isa();

Isa isa();              // in use; best_isa() at first
bool set_isa(Isa isa);  // false, and nothing changed, where it is not available

}  // namespace fluvox::kernels
