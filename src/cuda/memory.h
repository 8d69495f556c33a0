// A GPU's memory as objects, and CUDA's failures as errors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/device_memory.h"

namespace fluvox::cuda {

// There is not so much memory left on the device. Caught by whoever can do with less.
struct OutOfMemory {};

void check(const kernels::Status& status);

class Memory {
 public:
  Memory() = default;
  explicit Memory(size_t bytes);  // throws OutOfMemory
  Memory(Memory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Memory& operator=(Memory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Memory();

  std::byte* data() const { return static_cast<std::byte*>(data_); }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

// An array on the device that stays as it is: weights.
template <class T>
class Constant {
 public:
  Constant() = default;
  explicit Constant(const std::vector<T>& values) : memory_(values.size() * sizeof(T)) {
    check(
        kernels::copy_to_device(memory_.data(), values.data(), values.size() * sizeof(T), nullptr));
    check(kernels::stream_wait(nullptr));
  }
  const T* data() const { return reinterpret_cast<const T*>(memory_.data()); }

 private:
  Memory memory_;
};

}  // namespace fluvox::cuda
