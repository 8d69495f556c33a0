#include "report/waveform.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fluvox::report {
namespace {

// First and last row of ink in a column; -1, -1 when there is none.
std::pair<int, int> reach(const Image& image, int x) {
  std::pair<int, int> rows{-1, -1};
  for (int y = 0; y < image.height; ++y)
    if (image.at(x, y) != kWhite) {
      if (rows.first < 0) rows.first = y;
      rows.second = y;
    }
  return rows;
}

Image drawn(const std::vector<float>& samples, double across) {
  Canvas canvas(100, 101);
  draw_wave(canvas, {canvas.bounds(), {0, 1}, {-1, 1}}, samples, across);
  return canvas.take();
}

TEST(Wave, ReachOfManySamples) {
  std::vector<float> samples(10000);
  for (size_t i = 0; i < 5000; ++i) samples[i] = i % 2 ? 0.8F : -0.4F;
  const Image image = drawn(samples, 10000);
  EXPECT_EQ(reach(image, 20), (std::pair{10, 70}));  // 0.8 and -0.4 of 101 rows
  EXPECT_EQ(reach(image, 80), (std::pair{50, 50}));  // silence is a line
}

TEST(Wave, ASpikeOfOneSampleIsSeen) {
  std::vector<float> samples(1000000);
  samples[505000] = 0.9F;
  EXPECT_LE(reach(drawn(samples, 1000000), 50).first, 6);
}

TEST(Wave, ColumnsJoin) {
  // A step between two columns: the later one reaches back to where the first ended.
  std::vector<float> samples(1000, -0.8F);
  std::fill(samples.begin() + 500, samples.end(), 0.8F);
  const Image image = drawn(samples, 1000);
  EXPECT_EQ(reach(image, 50), (std::pair{10, 90}));
  EXPECT_EQ(reach(image, 49), (std::pair{90, 90}));
}

TEST(Wave, FewSamplesAreALine) {
  const Image image = drawn({-0.5F, 0.5F, -0.5F, 0.5F}, 4);
  for (int x = 13; x < 87; ++x) EXPECT_GE(reach(image, x).first, 0) << x;
  EXPECT_NEAR(reach(image, 12).second, 75, 4);
  EXPECT_NEAR(reach(image, 37).first, 25, 4);
}

TEST(Wave, ASoundShorterThanThePlaneEndsInIt) {
  EXPECT_EQ(reach(drawn(std::vector<float>(5000), 10000), 60), (std::pair{-1, -1}));
  EXPECT_EQ(reach(drawn({0.0F, 0.0F}, 8), 60), (std::pair{-1, -1}));
}

TEST(Wave, SamplesBeyondThePlaneStopAtItsEdge) {
  Canvas canvas(100, 101);
  draw_wave(canvas, {{0, 20, 100, 61}, {0, 1}, {-1, 1}}, std::vector<float>(10000, 3e38F), 10000);
  draw_wave(canvas, {{0, 20, 100, 61}, {0, 1}, {-1, 1}}, std::vector<float>(10, -3e38F), 10);
  const Image image = canvas.take();
  EXPECT_GE(reach(image, 50).first, 20);
  EXPECT_LT(reach(image, 50).second, 81);
}

TEST(Wave, HostileSamplesCountAsSilence) {
  const Image image = drawn(std::vector<float>(10000, NAN), 10000);
  EXPECT_EQ(reach(image, 20), (std::pair{50, 50}));
  const std::vector<float> samples = {NAN, INFINITY, -INFINITY, 0.5F};
  EXPECT_NEAR(wave_range(samples).most, 0.54, 1e-6);
  EXPECT_EQ(wave_range(std::vector<float>(5)).most, 1);
  EXPECT_EQ(wave_range({}).most, 1);
}

}  // namespace
}  // namespace fluvox::report
