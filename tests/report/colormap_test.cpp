#include "report/colormap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace fluvox::report {
namespace {

double linear(uint8_t value) {
  const double v = value / 255.0;
  return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
}

// CIE lightness, 0..100: another scale of equal steps than the one the maps are made with.
double lightness(Color c) {
  const double y = 0.2126 * linear(c.red) + 0.7152 * linear(c.green) + 0.0722 * linear(c.blue);
  return y > 0.008856 ? 116 * std::cbrt(y) - 16 : 903.3 * y;
}

TEST(Heat, GrowsLighterInEvenSteps) {
  EXPECT_LT(lightness(heat(0)), 3);
  EXPECT_GT(lightness(heat(1)), 95);
  for (int i = 0; i < 20; ++i) {
    const double step = lightness(heat((i + 1) / 20.0)) - lightness(heat(i / 20.0));
    EXPECT_GT(step, 1) << i;
    EXPECT_LT(step, 9) << i;
  }
}

TEST(Heat, HasNoVisibleSteps) {
  for (int i = 0; i < 500; ++i) {
    const Color a = heat(i / 500.0), b = heat((i + 1) / 500.0);
    EXPECT_LE(std::abs(a.red - b.red), 6) << i;
    EXPECT_LE(std::abs(a.green - b.green), 6) << i;
    EXPECT_LE(std::abs(a.blue - b.blue), 6) << i;
  }
}

TEST(Difference, IsBlueBelowWhiteBetweenRedAbove) {
  EXPECT_GT(lightness(difference_color(0.5)), 97);
  const Color less = difference_color(0), more = difference_color(1);
  EXPECT_GT(less.blue, less.red + 80);
  EXPECT_GT(more.red, more.blue + 80);
  for (int i = 0; i < 20; ++i) {
    const double t = i / 40.0;  // both halves darken outwards, equally
    EXPECT_LT(lightness(difference_color(t)), lightness(difference_color(t + 1 / 40.0)));
    EXPECT_NEAR(lightness(difference_color(t)), lightness(difference_color(1 - t)), 5);
  }
}

TEST(Colors, OutsideIsClampedAndNanIsGrey) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const ColorMap map : {heat, difference_color}) {
    EXPECT_EQ(map(-7), map(0));
    EXPECT_EQ(map(-infinity), map(0));
    EXPECT_EQ(map(1e300), map(1));
    EXPECT_EQ(map(infinity), map(1));
    const Color unknown = map(std::nan(""));
    EXPECT_EQ(unknown.red, unknown.green);
    EXPECT_EQ(unknown.green, unknown.blue);
  }
}

}  // namespace
}  // namespace fluvox::report
