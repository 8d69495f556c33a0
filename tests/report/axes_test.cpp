#include "report/axes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <set>

namespace fluvox::report {
namespace {

using Values = std::vector<double>;

void expect_values(const Values& found, const Values& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-12);
}

TEST(Ticks, KnownRanges) {
  expect_values(nice_values({0, 10}, 6), {0, 2, 4, 6, 8, 10});
  expect_values(nice_values({0, 11.025}, 12), {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  expect_values(nice_values({-80, 0}, 5), {-80, -60, -40, -20, 0});
  expect_values(nice_values({-0.3, 0.45}, 4), {-0.2, 0, 0.2, 0.4});
  expect_values(nice_values({101, 104}, 4), {101, 102, 103, 104});
}

TEST(Ticks, AreMultiplesOf125InsideTheRange) {
  std::mt19937 random(3);
  const auto uniform = [&](double least, double most) {
    return least + (most - least) * static_cast<double>(random()) / 4294967295.0;
  };
  for (int trial = 0; trial < 5000; ++trial) {
    const double span = std::pow(10, uniform(-12, 12));
    const double least = uniform(-20, 20) * span;
    const Interval range{least, least + span};
    const int at_most = 2 + static_cast<int>(random() % 20);
    const Values values = nice_values(range, at_most);
    SCOPED_TRACE(testing::Message() << range.least << " + " << span << ", " << at_most);
    ASSERT_LE(values.size(), static_cast<size_t>(at_most));
    ASSERT_GE(values.size(), 1u);
    std::set<std::string> labels;
    const double step = values.size() > 1 ? values[1] - values[0] : 0;
    for (const double value : values) {
      EXPECT_GE(value, range.least - 1e-6 * span);
      EXPECT_LE(value, range.most + 1e-6 * span);
      if (values.size() == 1) continue;
      const std::string label = tick_label(value, step);
      EXPECT_TRUE(labels.insert(label).second) << label << " twice";
      EXPECT_NEAR(std::stod(label), value, 1e-3 * step);
    }
    if (values.size() < 2) continue;
    const double digit = step / std::pow(10, std::floor(std::log10(step) + 1e-9));
    EXPECT_TRUE(std::abs(digit - 1) < 1e-3 || std::abs(digit - 2) < 1e-3 ||
                std::abs(digit - 5) < 1e-3)
        << step;
    // The next finer step would have been too many.
    EXPECT_GT(span / step * 2.5 + 1, at_most);
  }
}

TEST(Ticks, RangesThatAreNone) {
  expect_values(nice_values({5, 5}, 6), {5});
  expect_values(nice_values({1e15, 1e15 + 0.25}, 6), {1e15});
  EXPECT_EQ(nice_values({0, std::numeric_limits<double>::infinity()}, 6).size(), 1u);
  EXPECT_EQ(nice_values({std::nan(""), 1}, 6).size(), 1u);
  EXPECT_EQ(nice_values({-1e308, 1e308}, 6).size(), 1u);
  EXPECT_GE(nice_values({0, 1e-300}, 6).size(), 2u);
}

TEST(Ticks, LabelsHaveTheDecimalsOfTheStep) {
  EXPECT_EQ(tick_label(0.30000000000000004, 0.1), "0.3");
  EXPECT_EQ(tick_label(2, 0.5), "2.0");
  EXPECT_EQ(tick_label(1500, 500), "1500");
  EXPECT_EQ(tick_label(-1e-18, 0.1), "0.0");
  EXPECT_EQ(tick_label(2e7, 1e7), "2e+07");
  EXPECT_EQ(tick_label(3e-7, 1e-7), "3e-07");
  EXPECT_EQ(tick_label(1.0000012, 1e-7), "1.0000012");
}

TEST(Ticks, UnitsByTheSizeOfTheRange) {
  EXPECT_EQ(time_unit(0.01).name, "ms");
  EXPECT_EQ(time_unit(7).name, "s");
  EXPECT_EQ(time_unit(3600).name, "min");
  EXPECT_DOUBLE_EQ(3600 * time_unit(3600).scale, 60);
  EXPECT_EQ(time_unit(86400).name, "h");
  EXPECT_EQ(frequency_unit(1000).name, "Hz");
  EXPECT_EQ(frequency_unit(11025).name, "kHz");
}

TEST(Ticks, LabelsHaveRoom) {
  std::mt19937 random(4);
  for (int trial = 0; trial < 1000; ++trial) {
    const double span = std::pow(10, -6 + 14 * static_cast<double>(random()) / 4294967295.0);
    const double least = span * (static_cast<double>(random() % 2000) / 100 - 10);
    const Interval range{least, least + span};
    const Plane plane{
        {50, 0, 200 + static_cast<int>(random() % 1000), 60 + static_cast<int>(random() % 500)},
        range,
        range};
    const auto x = x_ticks(plane), y = y_ticks(plane);
    for (size_t i = 1; i < x.size(); ++i)
      EXPECT_GE(plane.column(x[i].at) - plane.column(x[i - 1].at), widest(x) + 15);
    for (size_t i = 1; i < y.size(); ++i)
      EXPECT_GE(plane.row(y[i - 1].at) - plane.row(y[i].at), kTextHeight);
  }
}

TEST(Plane, SharesTheRangeAmongPixels) {
  const Plane plane{{100, 50, 10, 20}, {0, 10}, {0, 20}};
  EXPECT_DOUBLE_EQ(plane.column(0.5), 100);  // the middle of the first pixel
  EXPECT_DOUBLE_EQ(plane.column(9.5), 109);
  EXPECT_DOUBLE_EQ(plane.row(0.5), 69);
  EXPECT_DOUBLE_EQ(plane.row(19.5), 50);
}

bool column_is_white(const Image& image, int x) {
  for (int y = 0; y < image.height; ++y)
    if (image.at(x, y) != kWhite) return false;
  return true;
}

TEST(Axes, LabelAndNumbersKeepApartWithinTheirWidth) {
  for (const Interval range : {Interval{0, 1}, {-1e-9, 1e-9}, {-5e11, 1e12}, {0.001, 0.002}}) {
    Plane plane{{0, 30, 300, 240}, {0, 1}, range};
    const auto ticks = y_ticks(plane);
    plane.area.x = y_axis_width(ticks);
    Canvas canvas(plane.area.right() + 20, 300);
    draw_y_axis(canvas, plane, ticks, "a label that is longer than its axis is high, by far");
    for (int x = 0; x < 12; ++x) EXPECT_TRUE(column_is_white(canvas.image(), x));
    for (int x = 34; x < 42; ++x) EXPECT_TRUE(column_is_white(canvas.image(), x));
    EXPECT_FALSE(column_is_white(canvas.image(), 20));
  }
}

TEST(Axes, ColorScaleStaysWithinItsWidth) {
  for (const Interval range : {Interval{-80, 0}, {-1e-9, 1e-9}, {-5e11, 1e12}}) {
    const Rect area{10, 20, 30, 200};
    Canvas canvas(area.right() + color_scale_width(range, area.height) + 10, 240);
    draw_color_scale(canvas, area, range, heat, "level (dB)");
    for (int x = canvas.image().width - 14; x < canvas.image().width; ++x)
      EXPECT_TRUE(column_is_white(canvas.image(), x));
    EXPECT_EQ(canvas.image().at(area.right() + 20, area.bottom() - 1), heat(0.5 / 200));
    EXPECT_EQ(canvas.image().at(area.right() + 20, area.y), heat(199.5 / 200));
  }
}

TEST(FiniteRange, SkipsWhatIsNoNumber) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> values = {NAN, 3, -infinity, -2, infinity};
  EXPECT_EQ(finite_range(values).least, -2);
  EXPECT_EQ(finite_range(values).most, 3);
  EXPECT_EQ(finite_range({}).most, 0);
}

}  // namespace
}  // namespace fluvox::report
