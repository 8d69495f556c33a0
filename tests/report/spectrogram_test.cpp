// Tones of known level, frequency and time against the pixels they must fall on.
#include "report/spectrogram.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "core/error.h"

namespace fluvox::report {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;

std::vector<float> tone(double hertz, size_t count, int rate, double level) {
  std::vector<float> samples(count);
  for (size_t i = 0; i < count; ++i)
    samples[i] =
        static_cast<float>(level * std::sin(kTurn * hertz * static_cast<double>(i) / rate));
  return samples;
}

int loudest_row(const Raster& raster, int column) {
  int best = 0;
  for (int row = 0; row < raster.rows; ++row)
    if (raster.at(column, row) > raster.at(column, best)) best = row;
  return best;
}

TEST(Spectrogram, ATonesLevelAndRow) {
  const int rate = 22050;
  for (const int rows : {100, 400, 512, 1500})
    for (const double hertz : {150.0, 1000.0, 3001.0, 8000.0, 10900.0}) {
      const View view{50, rows, 1.0, rate / 2.0, 1024, 1024};
      const Raster levels = spectrogram(tone(hertz, 22050, rate, 0.5), rate, view);
      const double row = rows - rows * hertz / (rate / 2.0) - 0.5;
      const double bin = rows / 512.0;  // rows a bin
      EXPECT_NEAR(loudest_row(levels, 25), row, 1 + bin / 2) << hertz << " in " << rows;
      // Between two bins a Hann window loses up to 1.42 dB.
      const double level = levels.at(25, loudest_row(levels, 25));
      EXPECT_LT(level, 20 * std::log10(0.5) + 0.1);
      EXPECT_GT(level, 20 * std::log10(0.5) - 1.6);
    }
}

TEST(Spectrogram, ATonesTime) {
  const int rate = 16000;
  std::vector<float> samples(rate);  // 1 s, the tone from 0.4 to 0.6
  const std::vector<float> sounding = tone(2000, 3200, rate, 0.9);
  std::copy(sounding.begin(), sounding.end(), samples.begin() + 6400);
  const Raster levels = spectrogram(samples, rate, {1000, 64, 1.0, 8000, 1024, 1024});
  const int row = 64 - 16 - 1;
  // Half of the window's amplitude lies on either side of its centre: 6 dB down at the edges.
  const float full = levels.at(500, row);
  EXPECT_NEAR(levels.at(400, row), full - 6, 0.5);
  EXPECT_NEAR(levels.at(600, row), full - 6, 0.5);
  EXPECT_GT(levels.at(440, row), full - 0.1F);
  EXPECT_LT(levels.at(360, row), full - 60);
  EXPECT_LT(levels.at(640, row), full - 60);
}

TEST(Spectrogram, ZoomShowsTheSameTone) {
  const int rate = 22050;
  const Raster levels =
      spectrogram(tone(333, 22050, rate, 1), rate, {20, 500, 1.0, 1000, 1024, 4096});
  EXPECT_NEAR(loudest_row(levels, 10), 500 - 333 / 2.0, 3);
  EXPECT_NEAR(levels.at(10, loudest_row(levels, 10)), 0, 0.1);
}

TEST(Spectrogram, LongSoundsAverageOverTheColumn) {
  // In every column of 10000 samples a tone for the first half: the mean power is half.
  const int rate = 8000;
  std::vector<float> samples;
  for (int i = 0; i < 40; ++i) {
    const std::vector<float> on = tone(1000, 5000, rate, 1);
    samples.insert(samples.end(), on.begin(), on.end());
    samples.resize(samples.size() + 5000);
  }
  const Raster levels = spectrogram(samples, rate, {40, 100, 50, 4000, 256, 256});
  for (int column = 2; column < 38; ++column)
    EXPECT_NEAR(levels.at(column, loudest_row(levels, column)), -3, 0.4) << column;
}

TEST(Spectrogram, SilenceAndHostileSamples) {
  const View view{20, 30, 0.1, 11025, 1024, 1024};
  std::vector<float> samples(2205);
  const Raster silent = spectrogram(samples, 22050, view);
  for (const float level : silent.values) EXPECT_EQ(level, static_cast<float>(kLeastLevel));
  samples.assign(samples.size(), NAN);
  samples[7] = INFINITY;
  EXPECT_EQ(spectrogram(samples, 22050, view).values, silent.values);
  samples.assign(samples.size(), 3e38F);
  for (const float level : spectrogram(samples, 22050, view).values)
    EXPECT_TRUE(std::isfinite(level));
}

TEST(Spectrogram, ColumnsPastTheEndStayEmpty) {
  const Raster levels =
      spectrogram(std::vector<float>(5000), 10000, {100, 10, 1.0, 5000, 256, 256});
  for (int column = 0; column < 100; ++column)
    EXPECT_EQ(std::isnan(levels.at(column, 5)), column >= 50) << column;
  // One sample in an hour is still one column.
  const Raster one =
      spectrogram(std::vector<float>{1.0F}, 22050, {100, 10, 3600, 11025, 1024, 1024});
  EXPECT_GT(one.at(0, 5), -70);
  EXPECT_TRUE(std::isnan(one.at(1, 5)));
}

TEST(Spectrogram, WindowFollowsTheRate) {
  EXPECT_EQ(window_for(1), 256);
  EXPECT_EQ(window_for(16000), 1024);
  EXPECT_EQ(window_for(22050), 1024);
  EXPECT_EQ(window_for(44100), 2048);
  EXPECT_EQ(window_for(2000000000), 16384);
}

TEST(Raster, DifferenceTakesFloorsAndGaps) {
  Raster a(3, 1), b(3, 1);
  a.at(0, 0) = -50, b.at(0, 0) = -44;
  a.at(1, 0) = -130, b.at(1, 0) = -100;  // both below the floor
  a.at(2, 0) = 0;                        // b has nothing
  const Raster d = difference(a, b, -90);
  EXPECT_EQ(d.at(0, 0), 6);
  EXPECT_EQ(d.at(1, 0), 0);
  EXPECT_TRUE(std::isnan(d.at(2, 0)));
  EXPECT_THROW(difference(a, Raster(3, 2), -90), Error);
}

TEST(Raster, PaintsTheColoursOfItsRange) {
  Raster raster(4, 1);
  raster.at(0, 0) = -80, raster.at(1, 0) = -40, raster.at(2, 0) = 0;
  const Image picture = paint(raster, {-80, 0}, heat);
  EXPECT_EQ(picture.at(0, 0), heat(0));
  EXPECT_EQ(picture.at(1, 0), heat(0.5));
  EXPECT_EQ(picture.at(2, 0), heat(1));
  EXPECT_EQ(picture.at(3, 0), (Color{238, 238, 238}));
}

}  // namespace
}  // namespace fluvox::report
