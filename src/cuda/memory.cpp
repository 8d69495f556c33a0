#include "cuda/memory.h"

#include <atomic>

#include "core/error.h"
#include "cuda/gpus.h"

namespace fluvox::cuda {
namespace {

std::atomic<size_t> taken{0}, most{0};

}  // namespace

void check(const kernels::Status& status) {
  if (!status.ok())
    throw Error(Fault::device, "cuda-failed",
                text(status.message, "; --device cpu renders without a GPU"));
}

Memory::Memory(size_t bytes) : bytes_(bytes) {
  check(kernels::device_allocate(bytes, &data_));
  if (data_ == nullptr) throw OutOfMemory();
  const size_t now = taken += bytes;
  for (size_t before = most; before < now && !most.compare_exchange_weak(before, now);) {
  }
}

Memory::~Memory() {
  if (data_ == nullptr) return;
  kernels::device_free(data_);
  taken -= bytes_;
}

size_t peak_bytes() { return most; }

void reset_peak_bytes() { most = taken.load(); }

}  // namespace fluvox::cuda
