#include "cuda/memory.h"

#include "core/error.h"

namespace fluvox::cuda {

void check(const kernels::Status& status) {
  if (!status.ok())
    throw Error(Fault::device, "cuda-failed",
                text(status.message, "; --device cpu renders without a GPU"));
}

Memory::Memory(size_t bytes) {
  check(kernels::device_allocate(bytes, &data_));
  if (data_ == nullptr) throw OutOfMemory();
}

Memory::~Memory() {
  if (data_ != nullptr) kernels::device_free(data_);
}

}  // namespace fluvox::cuda
