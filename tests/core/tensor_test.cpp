#include "core/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "core/error.h"
#include "support/throws.h"

namespace fluvox {
namespace {

using support::thrown_by;
using testing::ElementsAre;
using testing::HasSubstr;

template <class T>
HostTensor holding(DType type, const std::vector<T>& values) {
  HostTensor tensor{type, {static_cast<int64_t>(values.size())}, {}};
  tensor.bytes.resize(values.size() * sizeof(T));
  std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  return tensor;
}

TEST(DTypes, NamesAndSizesOfSafetensors) {
  const std::vector<std::pair<std::string, size_t>> expected{
      {"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},
      {"I32", 4}, {"I16", 2}, {"I8", 1},  {"U8", 1},   {"BOOL", 1}};
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto type = static_cast<DType>(i);
    EXPECT_EQ(name_of(type), expected[i].first);
    EXPECT_EQ(size_of(type), expected[i].second);
    EXPECT_EQ(dtype_named(expected[i].first), type);
  }
  for (const char* none : {"F8_E4M3", "f32", "F3", "F320", ""}) EXPECT_FALSE(dtype_named(none));
}

TEST(Shape, CountsOrSaysThatItCannot) {
  const auto count = [](std::vector<int64_t> shape) { return count_of(shape); };
  EXPECT_EQ(count({}), 1u);
  EXPECT_EQ(count({3, 4, 5}), 60u);
  EXPECT_EQ(count({3, 0, 5}), 0u);
  EXPECT_EQ(count({int64_t{1} << 32, (int64_t{1} << 32) - 1}), ((uint64_t{1} << 32) - 1) << 32);
  EXPECT_EQ(count({int64_t{1} << 32, int64_t{1} << 32}), std::nullopt);
  EXPECT_EQ(count({-1}), std::nullopt);
  EXPECT_EQ(count({-1, -1}), std::nullopt);
  EXPECT_EQ(count({0, std::numeric_limits<int64_t>::min()}), std::nullopt);
  EXPECT_EQ(describe_shape(std::vector<int64_t>{3, 4}), "[3, 4]");
  EXPECT_EQ(describe_shape({}), "[]");
  EXPECT_EQ(thrown_by([] {
              (HostTensor{DType::f32, {2, -1}, {}}).count();
            }).code(),
            "tensor-shape");
}

TEST(Floats, OfFloatsAreTheSame) {
  const std::vector<float> values{1.5f, -0.0f, 1e-40f, std::numeric_limits<float>::max(), 0.1f, -7};
  const HostTensor tensor = HostTensor::of(values, {2, 3});
  EXPECT_EQ(tensor.count(), 6u);
  EXPECT_EQ(tensor.bytes.size(), 24u);
  const auto back = tensor.floats();
  EXPECT_EQ(std::memcmp(back.data(), values.data(), 24), 0);
  EXPECT_THROW(HostTensor::of(values, {5}), std::logic_error);
}

// IEEE 754, 3.4: the value of every one of the 65536 half-precision numbers, computed in doubles.
TEST(Floats, EveryHalfIsExact) {
  std::vector<uint16_t> halves(65536);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i);
  const auto values = holding(DType::f16, halves).floats();
  for (int i = 0; i < 65536; ++i) {
    const int exponent = i >> 10 & 31, fraction = i & 1023;
    const double sign = i & 0x8000 ? -1 : 1;
    const auto value = static_cast<double>(values[static_cast<size_t>(i)]);
    ASSERT_EQ(std::signbit(value), sign < 0) << i;
    if (exponent == 31 && fraction) {
      ASSERT_TRUE(std::isnan(value)) << i;
    } else if (exponent == 31) {
      ASSERT_TRUE(std::isinf(value)) << i;
    } else if (exponent == 0) {
      ASSERT_EQ(value, sign * std::ldexp(fraction, -24)) << i;
    } else {
      ASSERT_EQ(value, sign * std::ldexp(1024 + fraction, exponent - 25)) << i;
    }
  }
  EXPECT_THAT(holding<uint16_t>(DType::f16, {0x3c00, 0xc000, 0x7bff, 0x3555}).floats(),
              ElementsAre(1.0f, -2.0f, 65504.0f, 0.333251953125f));
}

TEST(Floats, EveryBfloatIsTheUpperHalfOfAFloat) {
  std::vector<uint16_t> halves(65536);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i);
  const auto values = holding(DType::bf16, halves).floats();
  for (uint32_t i = 0; i < 65536; ++i) ASSERT_EQ(std::bit_cast<uint32_t>(values[i]), i << 16);
  EXPECT_THAT(holding<uint16_t>(DType::bf16, {0x3f80, 0xc000, 0x4049}).floats(),
              ElementsAre(1.0f, -2.0f, 3.140625f));
}

TEST(Floats, OfDoublesAreRoundedOnce) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_THAT(holding<double>(DType::f64, {0.1, 1 + 0x1p-24, 1 + 0x1.8p-24, 1e300, -1e300, 1e-320})
                  .floats(),
              ElementsAre(0.1f, 1.0f, 1 + 0x1p-23f, infinity, -infinity, 0.0f));
}

TEST(Floats, OnlyOfFloatingTypesAndWholeTensors) {
  for (const DType type :
       {DType::i64, DType::i32, DType::i16, DType::i8, DType::u8, DType::boolean}) {
    HostTensor tensor{type, {1}, {}};
    tensor.bytes.resize(size_of(type));
    const Error error = thrown_by([&] { tensor.floats(); });
    EXPECT_EQ(error.code(), "tensor-type");
    EXPECT_THAT(error.what(), HasSubstr(name_of(type)));
  }
  for (const size_t size : {0, 3, 5, 7, 9, 12}) {
    HostTensor tensor{DType::f32, {2}, std::vector<std::byte>(size)};
    EXPECT_EQ(thrown_by([&] { tensor.floats(); }).code(), "tensor-size") << size;
  }
  // Four times 2^62 is none, modulo 2^64.
  const HostTensor huge{DType::f32, {int64_t{1} << 62}, {}};
  EXPECT_EQ(thrown_by([&] { huge.floats(); }).code(), "tensor-size");
}

}  // namespace
}  // namespace fluvox
