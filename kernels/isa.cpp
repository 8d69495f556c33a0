#include "kernels/isa.h"

#include <atomic>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace fluvox::kernels {

namespace {

constexpr Isa kAll[] = {Isa::scalar, Isa::avx2, Isa::avx512, Isa::avx512bf16, Isa::amx};

std::atomic<Isa>& current() {
  static std::atomic<Isa> isa{best_isa()};
  return isa;
}

#if defined(__x86_64__)
// Asked of the processor: not every compiler's __builtin_cpu_supports knows the names.
bool has_tiles() {
  constexpr unsigned kAmxBf16 = 1U << 22, kAmxTile = 1U << 24;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kAmxBf16) != 0 && (d & kAmxTile) != 0;
}

// The tiles' 8 KB are kept through task switches only for a process that asked Linux for it; its
// later threads inherit that.
bool tiles_granted() {
#if defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  static const bool granted = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return granted;
#else
  return false;
#endif
}
#endif

}  // namespace

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::scalar:
      return "scalar";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
    case Isa::avx512bf16:
      return "avx512bf16";
    case Isa::amx:
      return "amx";
  }
  return "unknown";
}

bool isa_from_name(const char* name, Isa* isa) {
  for (const Isa candidate : kAll) {
    if (std::strcmp(name, isa_name(candidate)) != 0) continue;
    *isa = candidate;
    return true;
  }
  return false;
}

bool isa_available(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == Isa::avx512) return isa_available(Isa::avx2) && __builtin_cpu_supports("avx512f");
  if (isa == Isa::avx512bf16)
    return isa_available(Isa::avx512) && __builtin_cpu_supports("avx512bf16");
  if (isa == Isa::amx) return isa_available(Isa::avx512bf16) && has_tiles() && tiles_granted();
#endif
  return isa == Isa::scalar;
}

Isa best_isa() {
  Isa best = Isa::scalar;
  for (const Isa candidate : kAll)
    if (isa_available(candidate)) best = candidate;
  return best;
}

Isa isa() { return current().load(std::memory_order_relaxed); }

bool set_isa(Isa isa) {
  if (!isa_available(isa)) return false;
  current().store(isa, std::memory_order_relaxed);
  return true;
}

}  // namespace fluvox::kernels
