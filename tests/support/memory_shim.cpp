// Preloaded into the program (LD_PRELOAD): its n-th allocation by operator new fails.
//
//   FLUVOX_MEMORY_AT      n, from 1
//   FLUVOX_MEMORY_STAYS   set: every later one fails too
//   FLUVOX_MEMORY_REPORT  a file that is made once one failed
//
// The program's start, before main, is not counted: nothing of ours can answer there.
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <new>

namespace {

std::atomic<bool> begun{false};
std::atomic<long> count{0};

using Main = int(int, char**, char**);
Main* program = nullptr;

int begin(int argc, char** argv, char** environment) {
  begun = true;
  return program(argc, argv, environment);
}

bool fails() {
  if (!begun) return false;
  static const char* const value = ::getenv("FLUVOX_MEMORY_AT");
  static const long at = value ? ::atol(value) : 0;
  static const bool stays = ::getenv("FLUVOX_MEMORY_STAYS") != nullptr;
  if (at == 0) return false;
  const long now = ++count;
  if (now != at && !(stays && now > at)) return false;
  const char* const report = ::getenv("FLUVOX_MEMORY_REPORT");
  if (now == at && report) ::close(::open(report, O_WRONLY | O_CREAT, 0600));
  return true;
}

void* allocate(std::size_t size, std::size_t alignment) {
  if (fails()) throw std::bad_alloc();
  size = (size + alignment - 1) / alignment * alignment;
  if (void* made = ::aligned_alloc(alignment, size > 0 ? size : alignment)) return made;
  throw std::bad_alloc();
}

}  // namespace

extern "C" int __libc_start_main(Main* main, int argc, char** argv, void (*init)(), void (*fini)(),
                                 void (*unload)(), void* stack) {
  program = main;
  using Start = int(Main*, int, char**, void (*)(), void (*)(), void (*)(), void*);
  auto* const next = reinterpret_cast<Start*>(::dlsym(RTLD_NEXT, "__libc_start_main"));
  return next(begin, argc, argv, init, fini, unload, stack);
}

void* operator new(std::size_t size) { return allocate(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { ::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { ::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { ::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { ::free(memory); }
