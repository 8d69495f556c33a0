// Whole pictures: known sounds must appear where the axes say, whatever is fed in, and nothing may
// run over the edge.
#include "report/plot.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "core/error.h"
#include "mel/filterbank.h"
#include "report/axes.h"
#include "report/colormap.h"
#include "report/font.h"
#include "support/made_speech.h"
#include "support/throws.h"

namespace fluvox::report {
namespace {

using Samples = std::vector<float>;

Samples tone(double hertz, size_t count, int rate, double level) {
  Samples samples(count);
  for (size_t i = 0; i < count; ++i)
    samples[i] = static_cast<float>(
        level * std::sin(2 * std::numbers::pi * hertz * static_cast<double>(i) / rate));
  return samples;
}

double brightness(Color c) { return c.red + c.green + c.blue; }

// The insides of the black frames of a picture, from the top.
std::vector<Rect> frames(const Image& image) {
  struct Edge {
    int row, left, right;
  };
  std::vector<Edge> edges;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0, run = 0; x <= image.width; ++x) {
      if (x < image.width && image.at(x, y) == kBlack) {
        ++run;
      } else {
        if (run > 700) edges.push_back({y, x - run, x});
        run = 0;
      }
    }
  std::vector<Rect> found;
  for (size_t i = 0; i + 1 < edges.size(); i += 2)
    found.push_back({edges[i].left + 1, edges[i].row + 1, edges[i].right - edges[i].left - 2,
                     edges[i + 1].row - edges[i].row - 1});
  return found;
}

void expect_clean_margin(const Image& image) {
  for (int y = 0; y < image.height; ++y)
    for (const int x : {0, 1, 2, image.width - 3, image.width - 2, image.width - 1})
      ASSERT_EQ(image.at(x, y), kWhite) << x << ", " << y;
  for (int x = 0; x < image.width; ++x)
    for (const int y : {0, 1, 2, image.height - 2, image.height - 1})
      ASSERT_EQ(image.at(x, y), kWhite) << x << ", " << y;
}

// The brightest row of a column, of those between grid lines.
int brightest_row(const Image& image, Rect area, int x) {
  int best = area.y;
  for (int y = area.y; y < area.bottom(); ++y)
    if (brightness(image.at(x, y)) > brightness(image.at(x, best))) best = y;
  return best;
}

TEST(PlotSound, AToneLiesAtItsFrequencyAndTime) {
  const int rate = 22050;
  Samples samples(2 * rate);
  const Samples sounding = tone(3100, rate / 2, rate, 0.5);  // from 0.7 to 1.2 s
  std::copy(sounding.begin(), sounding.end(), samples.begin() + 7 * rate / 10);
  const Image image = plot_sound(samples, rate, "tone");
  EXPECT_EQ(image.width, 1200);
  const auto areas = frames(image);
  ASSERT_EQ(areas.size(), 2u);
  EXPECT_EQ(areas[0].x, areas[1].x);
  EXPECT_EQ(areas[0].width, areas[1].width);

  const Rect area = areas[1];
  const auto column = [&](double seconds) {
    return area.x + static_cast<int>(area.width * seconds / 2.0);
  };
  const int row = brightest_row(image, area, column(0.93));
  EXPECT_NEAR(row, area.bottom() - area.height * 3100 / 11025.0, 2);
  EXPECT_GT(brightness(image.at(column(0.75), row)), 500);
  EXPECT_GT(brightness(image.at(column(1.15), row)), 500);
  EXPECT_LT(brightness(image.at(column(0.65), row)), 60);
  EXPECT_LT(brightness(image.at(column(1.27), row)), 60);

  // The wave: blue within the tone, a line without.
  const auto blue = [&](int x, int y) {
    const Color c = image.at(x, y);
    return c.blue > c.red + 30;
  };
  const int high = areas[0].y + areas[0].height / 5;
  EXPECT_TRUE(blue(column(0.93), high));
  EXPECT_FALSE(blue(column(0.65), high));
}

TEST(PlotSound, ExtremesGiveCleanPictures) {
  const Samples one = {0.7F};
  const Samples hostile = {NAN, INFINITY, -INFINITY, 3e38F, -3e38F, 1e-40F};
  for (const int rate : {1, 22050})
    for (const Samples& samples :
         {one, hostile, tone(440, 220, 22050, 0.5), Samples(5000), Samples(5000, 1e-8F)}) {
      SCOPED_TRACE(testing::Message() << samples.size() << " samples at " << rate);
      expect_clean_margin(plot_sound(samples, rate, "extreme"));
    }
  expect_clean_margin(plot_sound(hostile, std::numeric_limits<int>::max(), ""));
  expect_clean_margin(plot_sound(one, 8000, std::string(400, 'w') + ".wav"));
  expect_clean_margin(plot_sound(one, 8000, "caf\xc3\xa9\n\x01"));
}

TEST(PlotSound, AnHour) {
  const Samples hour = tone(100, 3600 * 1000, 1000, 0.5);
  const Image image = plot_sound(hour, 1000, "an hour");
  expect_clean_margin(image);
  const Rect area = frames(image).at(1);
  for (const int x : {area.x + 5, area.x + area.width / 2 + 7, area.right() - 5})
    EXPECT_NEAR(brightest_row(image, area, x), area.bottom() - area.height / 5.0, 4);
}

TEST(PlotSound, NoSoundAndNoRateAreRefused) {
  EXPECT_EQ(support::thrown_by([] { plot_sound({}, 22050, ""); }).code(), "audio-empty");
  EXPECT_EQ(support::thrown_by([] { plot_sound(Samples(5), 0, ""); }).code(), "audio-rate");
  EXPECT_EQ(support::thrown_by([] { plot_pitch(Samples(5), 1000, ""); }).code(), "pitch-rate");
  EXPECT_EQ(support::thrown_by([] { plot_compared(Samples(5), {}, 8000, "", ""); }).code(),
            "audio-empty");
}

TEST(PlotSound, TitleAndDetailsKeepApart) {
  const Image image = plot_sound(Samples(5000), 22050, std::string(500, 'M'));
  int gap = 0, widest_gap = 0;
  const Rect area = frames(image).front();
  for (int x = area.x + 20; x < area.right() - 20; ++x) {
    bool blank = true;
    for (int y = 0; y < area.y - 2; ++y) blank = blank && image.at(x, y) == kWhite;
    gap = blank ? gap + 1 : 0;
    widest_gap = std::max(widest_gap, gap);
  }
  EXPECT_GE(widest_gap, 20);
}

TEST(PlotCompared, EqualSoundsDifferNowhereAndHalfIsSixDecibelsLess) {
  const int rate = 22050;
  Samples a = tone(2500, rate, rate, 0.5), half = a;
  for (float& sample : half) sample *= 0.5F;
  const auto at_tone = [&](const Image& image) {
    const auto areas = frames(image);
    EXPECT_EQ(areas.size(), 3u);
    const Rect first = areas.at(0), last = areas.at(2);
    const int x = last.x + last.width / 2 - 20;
    const int row = brightest_row(image, first, x);
    EXPECT_NEAR(row, first.bottom() - first.height * 2500 / 11025.0, 2);
    return image.at(x, row - first.y + last.y);
  };
  EXPECT_EQ(at_tone(plot_compared(a, a, rate, "a", "a")), difference_color(0.5));
  const Color less = at_tone(plot_compared(a, half, rate, "a", "half"));
  const Color expected = difference_color((20 - 6.02) / 40);
  EXPECT_NEAR(less.red, expected.red, 3);
  EXPECT_NEAR(less.blue, expected.blue, 3);
  EXPECT_GT(less.blue, less.red);
}

TEST(PlotCompared, DifferentLengthsShareTheirTime) {
  const int rate = 16000;
  const Image image = plot_compared(tone(4000, rate, rate, 0.5), tone(4000, 2 * rate, rate, 0.5),
                                    rate, std::string(300, 'a'), std::string(300, 'b'));
  expect_clean_margin(image);
  const auto areas = frames(image);
  ASSERT_EQ(areas.size(), 3u);
  const int x = areas[0].x + 3 * areas[0].width / 4 + 20;
  const int middle = areas[0].height / 2 + 15;
  EXPECT_EQ(image.at(x, areas[0].y + middle), (Color{238, 238, 238}));
  EXPECT_NE(image.at(x, areas[1].y + middle), (Color{238, 238, 238}));
  EXPECT_EQ(image.at(x, areas[2].y + middle), (Color{238, 238, 238}));
  // An hour against one sample, and silence against silence.
  expect_clean_margin(plot_compared(Samples(1, 0.5F), Samples(3600000), 1000, "", ""));
  expect_clean_margin(plot_compared(Samples(100), Samples(100), 8000, "", ""));
}

TEST(PlotPitch, TheLineLiesAtThePitch) {
  const int rate = 22050;
  const Image image = plot_pitch(tone(321, 2 * rate, rate, 0.5), rate, "tone");
  expect_clean_margin(image);
  // The edges of the line are long and black, too, so the bottom of the frame is not the next one.
  Rect area = frames(image).at(0);
  area.height = image.height - kXAxisHeight - area.y;
  const Color track{90, 235, 255};
  for (const int x : {area.x + 50, area.x + area.width / 2 + 13, area.right() - 50}) {
    double sum = 0, count = 0;
    for (int y = area.y; y < area.bottom(); ++y)
      if (image.at(x, y) == track) sum += y, ++count;
    ASSERT_GT(count, 0) << x;
    EXPECT_NEAR(sum / count, area.bottom() - 0.5 - area.height * 0.321, 1.5);
  }
}

TEST(PlotPitch, ExtremesGiveCleanPictures) {
  expect_clean_margin(plot_pitch(Samples(1, 0.3F), 22050, "one"));
  expect_clean_margin(plot_pitch(Samples(22050), 22050, std::string(300, 'x')));
  expect_clean_margin(plot_pitch(Samples(500, NAN), 2000, "nan"));
  expect_clean_margin(plot_pitch(tone(130, 2000 * 900, 2000, 0.5), 2000, "a quarter of an hour"));
  expect_clean_margin(plot_pitch(support::MadeSpeech(22050, 5).make(1.5), 22050, "speech"));
}

TEST(PlotMel, ABandLiesAtItsFrequencyAndFramesAtTheirTime) {
  const mel::Convention convention;
  mel::Mel mel{200, 80, std::vector<float>(200 * 80, -11.5F)};
  for (int frame = 50; frame < 100; ++frame) mel.values[static_cast<size_t>(frame * 80 + 30)] = 1;
  const Image image = plot_mel(mel, convention, "a band");
  expect_clean_margin(image);
  const Rect area = frames(image).at(0);
  EXPECT_EQ(area.height % 80, 0);
  const int x = area.x + area.width * 3 / 8 + 4;
  EXPECT_NEAR(brightest_row(image, area, x), area.bottom() - area.height * 30.5 / 80, 3);
  const int row = area.bottom() - area.height * 61 / 160;
  EXPECT_GT(brightness(image.at(area.x + area.width * 51 / 200, row)), 500);
  EXPECT_LT(brightness(image.at(area.x + area.width * 49 / 200 - 2, row)), 100);
  EXPECT_GT(brightness(image.at(area.x + area.width * 99 / 200, row)), 500);
  EXPECT_LT(brightness(image.at(area.x + area.width * 101 / 200 + 2, row)), 100);
}

TEST(PlotMel, EveryConventionAndExtremes) {
  for (const std::string& name : mel::names()) {
    const mel::Convention convention = mel::convention(name);
    const Samples speech = support::MadeSpeech(convention.sample_rate, 1).make(0.7);
    SCOPED_TRACE(name);
    expect_clean_margin(plot_mel(mel::analyse(speech, convention), convention, name));
  }
  const mel::Convention convention;
  const auto flat = [](int frames, float value) {
    return mel::Mel{frames, 80, std::vector<float>(static_cast<size_t>(frames) * 80, value)};
  };
  for (const float value : {0.0F, -11.5F, 1e30F, -1e-30F, NAN, INFINITY})
    expect_clean_margin(plot_mel(flat(1, value), convention, "flat"));
  mel::Mel wide = flat(2, -3e38F);
  wide.values[5] = 3e38F;
  expect_clean_margin(plot_mel(wide, convention, "wide"));
  expect_clean_margin(plot_mel(flat(50000, 1), convention, "ten minutes"));
  mel::Convention many = convention;
  many.bands = 1024;
  expect_clean_margin(plot_mel({3, 1024, std::vector<float>(3 * 1024)}, many, "1024 bands"));
  many.bands = 1;
  expect_clean_margin(plot_mel({3, 1, std::vector<float>(3)}, many, "1 band"));
}

TEST(PlotMel, RefusesWhatDoesNotFit) {
  const mel::Convention convention;
  const auto code = [&](const mel::Mel& mel) {
    return support::thrown_by([&] { plot_mel(mel, convention, ""); }).code();
  };
  EXPECT_EQ(code({0, 80, {}}), "mel-empty");
  EXPECT_EQ(code({1, 100, std::vector<float>(100)}), "mel-bands");
  EXPECT_EQ(code({2, 80, std::vector<float>(100)}), "mel-size");
}

TEST(PlotMelsCompared, TheDifferenceIsTheSecondLessTheFirst) {
  mel::Convention convention;
  mel::Mel a{200, 80, std::vector<float>(200 * 80, -5.0F)}, b = a;
  for (int frame = 50; frame < 100; ++frame) b.values[static_cast<size_t>(frame * 80 + 30)] -= 1.0F;
  const auto band_at = [&](const Image& image, int frame) {
    const auto areas = frames(image);
    EXPECT_EQ(areas.size(), 3u);
    const Rect third = areas.at(2);
    return image.at(third.x + third.width * (2 * frame + 1) / 400 + 1,
                    third.bottom() - third.height * 61 / 160);
  };
  const Image same = plot_mels_compared(a, a, convention, "a", "a");
  EXPECT_EQ(band_at(same, 73), difference_color(0.5));
  const Image image = plot_mels_compared(a, b, convention, "a", "b");
  expect_clean_margin(image);
  EXPECT_EQ(band_at(image, 23), difference_color(0.5));
  // The colours reach ln 10 either way.
  const Color less = band_at(image, 73),
              expected = difference_color(0.5 - 0.5 / std::numbers::ln10);
  EXPECT_NEAR(less.red, expected.red, 3);
  EXPECT_NEAR(less.blue, expected.blue, 3);
  // 1 in decibels is a twentieth of what the colours reach there.
  convention.log = "db";
  const Color slight = band_at(plot_mels_compared(a, b, convention, "a", "b"), 73);
  EXPECT_NEAR(slight.red, difference_color(0.5 - 0.5 / 20).red, 3);
}

TEST(PlotMelsCompared, EveryConventionLengthAndExtremes) {
  for (const std::string& name : mel::names()) {
    const mel::Convention c = mel::convention(name);
    SCOPED_TRACE(name);
    const mel::Mel a = mel::analyse(support::MadeSpeech(c.sample_rate, 1).make(0.7), c);
    const mel::Mel b = mel::analyse(support::MadeSpeech(c.sample_rate, 2).make(0.3), c);
    const Image image = plot_mels_compared(a, b, c, std::string(300, 'a'), name);
    expect_clean_margin(image);
    const auto areas = frames(image);
    ASSERT_EQ(areas.size(), 3u);
    const int x = areas[0].x + 3 * areas[0].width / 4 + 20, middle = areas[0].height / 2 + 3;
    EXPECT_NE(image.at(x, areas[0].y + middle), (Color{238, 238, 238}));
    EXPECT_EQ(image.at(x, areas[1].y + middle), (Color{238, 238, 238}));
    EXPECT_EQ(image.at(x, areas[2].y + middle), (Color{238, 238, 238}));
  }
  const mel::Convention convention;
  for (const float value : {0.0F, 1e30F, NAN, INFINITY}) {
    const mel::Mel one{1, 80, std::vector<float>(80, value)};
    const mel::Mel many{5000, 80, std::vector<float>(5000 * 80, -value)};
    expect_clean_margin(plot_mels_compared(one, many, convention, "", ""));
  }
  EXPECT_EQ(support::thrown_by([&] {
              plot_mels_compared({1, 80, std::vector<float>(80)}, {0, 80, {}}, convention, "", "");
            }).code(),
            "mel-empty");
}

const Color kFirstCurve{31, 96, 180};

// Rows of the first curve's own colour in a column.
std::vector<int> curve_rows(const Image& image, Rect area, int x) {
  std::vector<int> rows;
  for (int y = area.y; y < area.bottom(); ++y)
    if (image.at(x, y) == kFirstCurve) rows.push_back(y);
  return rows;
}

TEST(PlotCurves, PointsLieWhereTheAxesSay) {
  const Image image = plot_curves({{"line", {0, 50, 100}, {0, 10, 0}}}, "step", "loss", "title");
  expect_clean_margin(image);
  const Rect area = frames(image).at(0);
  // The range has a twentieth of room above and below.
  const auto row = [&](double y) { return area.bottom() - 0.5 - area.height * (y + 0.5) / 11; };
  for (const double x : {10.0, 25.0, 70.0, 90.0}) {
    const int column = area.x + static_cast<int>(area.width * x / 100);
    const auto rows = curve_rows(image, area, column);
    ASSERT_FALSE(rows.empty()) << x;
    EXPECT_NEAR(rows.front(), row(x <= 50 ? x / 5 : 20 - x / 5), 3);
  }
}

TEST(PlotCurves, GapsDotsAndSpikes) {
  Series gap{"gap", {0, 1, 2, 3, 4, 5, 6}, {1, 1, NAN, 1, INFINITY, 1, 1}};
  const Image image = plot_curves({gap}, "x", "y");
  const Rect area = frames(image).at(0);
  const auto at = [&](double x) {
    return curve_rows(image, area, area.x + static_cast<int>(area.width * x / 6)).size();
  };
  EXPECT_GT(at(0.5), 0u);
  EXPECT_EQ(at(1.5), 0u);
  EXPECT_EQ(at(2.5), 0u);
  EXPECT_GE(at(3), 4u);  // a point alone is a dot
  EXPECT_EQ(at(3.5), 0u);
  EXPECT_GT(at(5.5), 0u);

  Series long_series{"long", {}, {}};
  for (int i = 0; i < 300000; ++i) {
    long_series.x.push_back(i);
    long_series.y.push_back(i == 123456 ? 100 : 0);
  }
  const Image spike = plot_curves({long_series}, "x", "y");
  const Rect plane = frames(spike).at(0);
  const int x = plane.x + static_cast<int>(plane.width * 123456.0 / 299999);
  size_t most = 0;
  for (int near = x - 1; near <= x + 1; ++near)
    most = std::max(most, curve_rows(spike, plane, near).size());
  EXPECT_GT(most, static_cast<size_t>(0.8 * plane.height));
}

TEST(PlotCurves, Extremes) {
  expect_clean_margin(plot_curves({}, "", "", ""));
  expect_clean_margin(plot_curves({{"", {}, {}}}, "x", "y"));
  expect_clean_margin(plot_curves({{"one", {3}, {1e-12}}}, "x", "y", std::string(400, 't')));
  expect_clean_margin(plot_curves({{"huge", {-1e299, 1e299}, {1e308, -1e299}}}, "x", "y"));
  expect_clean_margin(plot_curves({{"near", {1e15, 1e15 + 1}, {1, 1 + 1e-15}}}, "x", "y"));
  expect_clean_margin(
      plot_curves(std::vector<Series>(40, {std::string(90, 'n'), {0, 1}, {-1e-7, 1e-7}}),
                  std::string(300, 'x'), std::string(300, 'y'), "many"));
  EXPECT_EQ(support::thrown_by([] {
              plot_curves({{"s", {1, 2}, {1}}}, "", "");
            }).code(),
            "curve-size");
}

TEST(Plots, TheSameInputGivesTheSamePixels) {
  const Samples speech = support::MadeSpeech(22050, 2).make(0.5);
  EXPECT_EQ(plot_sound(speech, 22050, "t").rgb, plot_sound(speech, 22050, "t").rgb);
  EXPECT_EQ(plot_pitch(speech, 22050, "t").rgb, plot_pitch(speech, 22050, "t").rgb);
}

}  // namespace
}  // namespace fluvox::report
