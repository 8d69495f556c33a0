#include "kernels/storage.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace fluvox::kernels {
namespace {

// What the bits of a format mean, by its definition.
double value(std::uint16_t bits, int mantissa_bits, int bias) {
  const int sign = bits >> 15, mantissa = bits & ((1 << mantissa_bits) - 1);
  const int exponent = (bits & 0x7fff) >> mantissa_bits, all_ones = (1 << (15 - mantissa_bits)) - 1;
  double size = 0;
  if (exponent == all_ones)
    size = mantissa == 0 ? INFINITY : NAN;
  else if (exponent == 0)
    size = std::ldexp(mantissa, 1 - bias - mantissa_bits);
  else
    size = std::ldexp((1 << mantissa_bits) + mantissa, exponent - bias - mantissa_bits);
  return sign ? -size : size;
}

template <class T>
void every_number(int mantissa_bits, int bias) {
  for (int i = 0; i < 65536; ++i) {
    const T number = {static_cast<std::uint16_t>(i)};
    const double expected = value(number.bits, mantissa_bits, bias);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(to_float(number)));
      EXPECT_TRUE(std::isnan(to_float(stored<T>(to_float(number)))));
    } else {
      ASSERT_EQ(to_float(number), expected) << i;
      ASSERT_EQ(stored<T>(to_float(number)).bits, number.bits);
    }
  }
}

TEST(Storage, EveryNumberMeansWhatItsFormatSays) {
  every_number<Half>(10, 15);
  every_number<Bf16>(7, 127);
}

// Between two neighbours the nearer one, in the middle the even one.
template <class T>
void nearest(int first, int last) {
  for (int i = first; i < last; ++i) {
    const T low = {static_cast<std::uint16_t>(i)}, high = {static_cast<std::uint16_t>(i + 1)};
    const float a = to_float(low), b = to_float(high), middle = a + (b - a) / 2;
    const T even = i % 2 == 0 ? low : high;
    ASSERT_EQ(stored<T>(middle).bits, even.bits) << i;
    ASSERT_EQ(stored<T>(std::nextafter(middle, 0.0f)).bits, low.bits) << i;
    ASSERT_EQ(stored<T>(std::nextafter(middle, INFINITY)).bits, high.bits) << i;
    ASSERT_EQ(stored<T>(-middle).bits, even.bits | 0x8000u) << i;
  }
}

TEST(Storage, RoundsToNearestEven) {
  nearest<Half>(0, 0x7bff);
  nearest<Bf16>(1, 0x7f7f);
}

TEST(Storage, WhatIsTooLargeIsInfinite) {
  EXPECT_EQ(nearest_half(65519.99f).bits, 0x7bff);
  EXPECT_EQ(nearest_half(65520).bits, 0x7c00);
  EXPECT_EQ(nearest_half(-1e30f).bits, 0xfc00);
  EXPECT_EQ(nearest_bf16(std::numeric_limits<float>::max()).bits, 0x7f80);
  EXPECT_EQ(nearest_bf16(-INFINITY).bits, 0xff80);
}

}  // namespace
}  // namespace fluvox::kernels
