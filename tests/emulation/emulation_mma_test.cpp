// The emulation of tensor cores and of copies in the background, each on its own against plain
// loops. Not compiled for a GPU.
#include <cmath>
#include <limits>

#include "core/error.h"
#include "emulation/device_test.h"

namespace fluvox::kernels {
namespace {

constexpr int kRows = 16, kColumns = 8, kInputs = 16;  // m16n8k16

// All of a fragment's places by their definition in the PTX manual, for one warp.
template <class T>
__global__ void multiply(const T* a, const T* b, float* c) {
  const int lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4;
  T of_a[8], of_b[4];
  for (int i = 0; i < 8; ++i) {
    const int row = i % 4 < 2 ? g : g + 8, column = t * 2 + i % 2 + (i < 4 ? 0 : 8);
    of_a[i] = a[row * kInputs + column];
  }
  for (int i = 0; i < 4; ++i) {
    const int row = t * 2 + i % 2 + (i < 2 ? 0 : 8);
    of_b[i] = b[row * kColumns + g];
  }
  std::uint32_t fragment_a[4], fragment_b[2];
  std::memcpy(fragment_a, of_a, sizeof of_a);
  std::memcpy(fragment_b, of_b, sizeof of_b);
  float sums[4];
  for (int i = 0; i < 4; ++i) sums[i] = c[(i < 2 ? g : g + 8) * kColumns + t * 2 + i % 2];
  multiply_add<T>(sums, fragment_a, fragment_b[0], fragment_b[1]);
  for (int i = 0; i < 4; ++i) c[(i < 2 ? g : g + 8) * kColumns + t * 2 + i % 2] = sums[i];
}

template <class T>
std::vector<T> random_numbers(std::size_t count, unsigned seed) {
  std::vector<T> numbers;
  for (const float v : random_floats(count, seed)) numbers.push_back(stored<T>(v));
  return numbers;
}

template <class T>
void expect_product() {
  const std::vector<T> a = random_numbers<T>(kRows * kInputs, 1),
                       b = random_numbers<T>(kInputs * kColumns, 2);
  std::vector<float> expected = random_floats(kRows * kColumns, 3);
  DeviceArray<T> device_a(a), device_b(b);
  DeviceArray<float> c(expected);
  for (std::size_t row = 0; row < kRows; ++row)
    for (std::size_t column = 0; column < kColumns; ++column)
      for (std::size_t k = 0; k < kInputs; ++k)
        expected[row * kColumns + column] +=
            to_float(a[row * kInputs + k]) * to_float(b[k * kColumns + column]);
  ASSERT_TRUE(launch({"multiply", 1, 32}, nullptr, {}, multiply<T>, device_a.data(),
                     device_b.data(), c.data())
                  .ok());
  expect_close(c.download(), expected, 1e-6, "16 x 8 x 16");
}

TEST(EmulatedTensorCores, MultiplyBf16) { expect_product<Bf16>(); }
TEST(EmulatedTensorCores, MultiplyHalf) { expect_product<Half>(); }

// What each lane gets of the matrices that lanes 8 m .. 8 m + 7 point at.
__global__ void load(const std::uint16_t* numbers, std::uint32_t* plain,
                     std::uint32_t* transposed) {
  std::uint16_t* shared = shared_memory<std::uint16_t>();
  for (int i = 0; i < 8; ++i) shared[threadIdx.x * 8 + i] = numbers[threadIdx.x * 8 + i];
  __syncthreads();
  std::uint32_t a[4];
  load_matrices(a, shared + threadIdx.x * 8);
  for (int m = 0; m < 4; ++m) plain[threadIdx.x * 4 + m] = a[m];
  load_matrices_transposed(a, shared + threadIdx.x * 8);
  for (int m = 0; m < 4; ++m) transposed[threadIdx.x * 4 + m] = a[m];
}

TEST(EmulatedTensorCores, LoadMatrices) {
  std::vector<std::uint16_t> numbers(32 * 8);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::uint16_t>(i);
  DeviceArray<std::uint16_t> device_numbers(numbers);
  DeviceArray<std::uint32_t> plain(128), transposed(128);
  ASSERT_TRUE(launch({"load", 1, 32, 512}, nullptr, {}, load, device_numbers.data(), plain.data(),
                     transposed.data())
                  .ok());
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned m = 0; m < 4; ++m) {
      const auto at = [&](unsigned row, unsigned column) { return 64 * m + 8 * row + column; };
      const unsigned i = lane / 4, j = lane % 4 * 2;
      EXPECT_EQ(plain.download()[lane * 4 + m], at(i, j) | at(i, j + 1) << 16);
      EXPECT_EQ(transposed.download()[lane * 4 + m], at(j, i) | at(j + 1, i) << 16);
    }
}

// Copies two groups; waits for all but `pending` of them.
template <int kPending>
__global__ void copy(const float* from, float* to) {
  float* shared = shared_memory<float>();
  const unsigned i = threadIdx.x * 4;
  copy_async(shared + i, from + i, threadIdx.x != 1);
  copy_async_commit();
  copy_async(shared + 16 + i, from + 16 + i, true);
  copy_async_commit();
  copy_async_wait<kPending>();
  __syncthreads();
  for (unsigned j = 0; j < 8; ++j) to[threadIdx.x * 8 + j] = shared[threadIdx.x * 8 + j];
}

TEST(EmulatedCopies, LandWhenTheyAreWaitedFor) {
  const std::vector<float> from = random_floats(32, 1);
  DeviceArray<float> device_from(from), all(32), first(32);
  ASSERT_TRUE(
      launch({"copy", 1, 4, 128}, nullptr, {}, copy<0>, device_from.data(), all.data()).ok());
  ASSERT_TRUE(
      launch({"copy", 1, 4, 128}, nullptr, {}, copy<1>, device_from.data(), first.data()).ok());
  for (std::size_t i = 0; i < 32; ++i) {
    const float expected = i / 4 == 1 ? 0 : from[i];  // the one that is not valid
    EXPECT_EQ(all.download()[i], expected) << i;
    if (i < 16)
      EXPECT_EQ(first.download()[i], expected) << i;
    else
      EXPECT_TRUE(std::isnan(first.download()[i])) << i;  // still on its way
  }
}

__global__ void touch_last(std::size_t bytes) { shared_memory<char>()[bytes - 1] = 0; }

TEST(EmulatedLaunch, MuchSharedMemoryIsAskedFor) {
  const std::size_t most = 163 * 1024;
  EXPECT_TRUE(launch({"touch_last", 1, 1, most}, nullptr, {}, touch_last, most).ok());
  const Status status = launch({"touch_last", 1, 1, most + 1}, nullptr, {}, touch_last, most);
  EXPECT_NE(std::string(status.message).find("cudaErrorInvalidValue"), std::string::npos);
}

// Every half but NaN there and back; and rounding, against the nearest of all halves.
TEST(Operand, Halves) {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const Half half{static_cast<std::uint16_t>(bits)};
    if ((bits & 0x7fff) > 0x7c00) {
      EXPECT_TRUE(std::isnan(to_float(half)));
      EXPECT_TRUE(std::isnan(to_float(stored<Half>(to_float(half)))));
      continue;
    }
    ASSERT_EQ(stored<Half>(to_float(half)).bits, bits);
    if ((bits & 0x7fff) >= 0x7bff) continue;
    // Half way to the next one it is the even one; a little to either side, the nearer.
    const double here = to_float(half), next = to_float(Half{static_cast<std::uint16_t>(bits + 1)});
    const float middle = static_cast<float>((here + next) / 2);
    const float towards = static_cast<float>(here), away = static_cast<float>(next);
    ASSERT_EQ(stored<Half>(middle).bits, bits % 2 == 0 ? bits : bits + 1);
    ASSERT_EQ(stored<Half>(std::nextafter(middle, towards)).bits, bits);
    ASSERT_EQ(stored<Half>(std::nextafter(middle, away)).bits, bits + 1);
  }
  EXPECT_EQ(to_float(Half{0x3c00}), 1);
  EXPECT_EQ(to_float(Half{0xc500}), -5);
  EXPECT_EQ(to_float(Half{1}), 0x1p-24f);
  EXPECT_EQ(to_float(stored<Half>(65519)), 65504);
  EXPECT_EQ(to_float(stored<Half>(65520)), INFINITY);
  EXPECT_EQ(to_float(stored<Half>(-INFINITY)), -INFINITY);
}

TEST(Operand, Bf16) {
  EXPECT_EQ(stored<Bf16>(1).bits, 0x3f80);
  EXPECT_EQ(stored<Bf16>(1 + 0x1p-8f).bits, 0x3f80);             // a tie: to the even one
  EXPECT_EQ(stored<Bf16>(1 + 3 * 0x1p-8f).bits, 0x3f82);         // and here too
  EXPECT_EQ(stored<Bf16>(1 + 0x1p-8f + 0x1p-23f).bits, 0x3f81);  // just above one
  EXPECT_EQ(to_float(stored<Bf16>(std::numeric_limits<float>::max())), INFINITY);
  EXPECT_TRUE(std::isnan(to_float(stored<Bf16>(NAN))));
}

}  // namespace
}  // namespace fluvox::kernels
