// What the tests of the CUDA kernels share. They run on the emulation and, the same files, on a
// GPU.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "kernels/device.h"
#include "kernels/storage.h"

namespace fluvox::kernels {

// Skips where there is no device; makes every launch synchronous where FLUVOX_CUDA_SYNC says so.
class DeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    int devices = 0;
    const cudaError_t error = cudaGetDeviceCount(&devices);
    if (error != cudaSuccess || devices == 0)
      GTEST_SKIP() << "no CUDA device: " << cudaGetErrorString(error);
    const char* synchronous = std::getenv("FLUVOX_CUDA_SYNC");
    synchronous_launches = synchronous != nullptr && std::strcmp(synchronous, "0") != 0;
  }
};

// An array on the device between two guards. All bits are set before anything is written, so it and
// the guards are NaN; download() fails the test if a guard was written.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t size) : size_(size) { upload(std::vector<T>(size, poison())); }
  explicit DeviceArray(const std::vector<T>& values) : size_(values.size()) { upload(values); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { cudaFree(memory_); }

  T* data() { return static_cast<T*>(memory_) + kGuard; }

  std::vector<T> download() const {
    std::vector<T> all(size_ + 2 * kGuard);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    EXPECT_EQ(cudaMemcpy(all.data(), memory_, all.size() * sizeof(T), cudaMemcpyDeviceToHost),
              cudaSuccess);
    const T guard = poison();
    for (std::size_t i = 0; i < kGuard; ++i) {
      EXPECT_EQ(std::memcmp(&all[i], &guard, sizeof(T)), 0) << "written before the array";
      EXPECT_EQ(std::memcmp(&all[kGuard + size_ + i], &guard, sizeof(T)), 0) << "written behind it";
    }
    return {all.begin() + kGuard, all.end() - kGuard};
  }

 private:
  static constexpr std::size_t kGuard = 64;

  static T poison() {
    T value;
    std::memset(&value, 0xff, sizeof value);
    return value;
  }

  void upload(const std::vector<T>& values) {
    std::vector<T> all(kGuard, poison());
    all.insert(all.end(), values.begin(), values.end());
    all.insert(all.end(), kGuard, poison());
    ASSERT_EQ(cudaMalloc(&memory_, all.size() * sizeof(T)), cudaSuccess);
    ASSERT_EQ(cudaMemcpy(memory_, all.data(), all.size() * sizeof(T), cudaMemcpyHostToDevice),
              cudaSuccess);
  }

  std::size_t size_;
  void* memory_ = nullptr;
};

inline std::vector<float> random_floats(std::size_t count, unsigned seed, float deviation = 1) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> distribution(0, deviation);
  std::vector<float> values(count);
  for (float& value : values) value = distribution(engine);
  return values;
}

// max |actual - expected| / (1 + |expected|) <= tolerance; NaN never passes.
template <class T>
void expect_close(const std::vector<T>& actual, const std::vector<T>& expected, double tolerance,
                  const std::string& shape) {
  ASSERT_EQ(actual.size(), expected.size());
  double worst = -1;
  std::size_t where = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    double error =
        std::abs(double{actual[i]} - double{expected[i]}) / (1 + std::abs(double{expected[i]}));
    if (std::isnan(error)) error = INFINITY;
    if (error > worst) worst = error, where = i;
  }
  EXPECT_LE(worst, tolerance) << shape << ": element " << where << " is " << actual[where]
                              << ", expected " << expected[where];
}

// The numbers of a type that a kernel stores (storage.h), and back.
template <class T>
std::vector<T> numbers(const std::vector<float>& values) {
  std::vector<T> made;
  for (const float value : values) made.push_back(stored<T>(value));
  return made;
}

template <class T>
std::vector<float> floats(const std::vector<T>& values) {
  std::vector<float> made;
  for (const T value : values) made.push_back(to_float(value));
  return made;
}

// The values that T makes of these.
template <class T>
std::vector<float> kept_as(const std::vector<float>& values) {
  return floats(numbers<T>(values));
}

}  // namespace fluvox::kernels
