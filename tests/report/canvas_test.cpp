#include "report/canvas.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace fluvox::report {
namespace {

// How much black was put on white, in pixels.
double ink(const Image& image) {
  double sum = 0;
  for (const uint8_t value : image.rgb) sum += (255 - value) / 255.0;
  return sum / 3;
}

Rect ink_bounds(const Image& image) {
  int left = image.width, top = image.height, right = 0, bottom = 0;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      if (image.at(x, y) != kWhite) {
        left = std::min(left, x), right = std::max(right, x + 1);
        top = std::min(top, y), bottom = std::max(bottom, y + 1);
      }
  return {left, top, right - left, bottom - top};
}

TEST(Canvas, FillAndOutlineAreExactAndClipped) {
  Canvas canvas(20, 10);
  canvas.fill({3, 2, 5, 4}, kBlack);
  EXPECT_EQ(ink(canvas.image()), 20);
  EXPECT_EQ(canvas.image().at(3, 2), kBlack);
  EXPECT_EQ(canvas.image().at(8, 2), kWhite);
  canvas.fill({-100, -100, 1000, 1000}, kWhite);
  EXPECT_EQ(ink(canvas.image()), 0);
  canvas.outline({5, 5, 3, 2}, kBlack);
  EXPECT_EQ(ink(canvas.image()), 5 + 5 + 2 + 2);
  EXPECT_EQ(canvas.image().at(5, 5), kWhite);
  canvas.outline({-5, -5, 100, 100}, kBlack);  // wholly outside
  EXPECT_EQ(ink(canvas.image()), 14);
}

TEST(Canvas, BlendMixes) {
  Canvas canvas(2, 1);
  canvas.blend(0, 0, {0, 100, 255}, 0.5);
  EXPECT_EQ(canvas.image().at(0, 0), (Color{128, 178, 255}));
  canvas.blend(2, 0, kBlack, 1);
  canvas.blend(0, -1, kBlack, 1);
}

TEST(Canvas, LinesCoverTheirLengthTimesThickness) {
  for (const double angle : {0.0, 0.2, 0.785, 1.3, 1.5708, 2.5}) {
    for (const double thickness : {1.0, 2.0, 4.0}) {
      Canvas canvas(200, 200);
      const double dx = 80 * std::cos(angle), dy = 80 * std::sin(angle);
      canvas.line(100 - dx, 100 - dy, 100 + dx, 100 + dy, kBlack, thickness, canvas.bounds());
      EXPECT_NEAR(ink(canvas.image()), 160 * thickness, 0.14 * 160 * thickness)
          << angle << " " << thickness;
      EXPECT_LT(canvas.image().at(100, 100).red, 60);
    }
  }
}

TEST(Canvas, LinesAreClippedAndSurviveAnything) {
  Canvas canvas(50, 50);
  const Rect clip{10, 10, 20, 20};
  canvas.line(-1e9, 20, 1e9, 20, kBlack, 2, clip);
  canvas.line(15, -1e12, 15, 1e12, kBlack, 2, clip);
  const Rect bounds = ink_bounds(canvas.image());
  EXPECT_EQ(bounds.x, 10);
  EXPECT_EQ(bounds.y, 10);
  EXPECT_EQ(bounds.right(), 30);
  EXPECT_EQ(bounds.bottom(), 30);
  const double before = ink(canvas.image());
  canvas.line(std::nan(""), 0, 5, 5, kBlack, 2, clip);
  canvas.line(0, 0, std::numeric_limits<double>::infinity(), 5, kBlack, 2, clip);
  EXPECT_EQ(ink(canvas.image()), before);
}

TEST(Canvas, ALineOfNoLengthIsADot) {
  Canvas canvas(20, 20);
  canvas.line(10, 10, 10, 10, kBlack, 6, canvas.bounds());
  EXPECT_NEAR(ink(canvas.image()), 3.14159 * 9, 2);
}

TEST(Canvas, BlitIsClipped) {
  Canvas canvas(10, 10);
  canvas.blit(Image(6, 6, kBlack), 7, -3, canvas.bounds());
  EXPECT_EQ(ink(canvas.image()), 9);
  canvas.blit(Image(6, 6, kBlack), 0, 4, {2, 4, 2, 100});
  EXPECT_EQ(ink(canvas.image()), 9 + 12);
}

TEST(Canvas, TextStaysWithinItsBoxAndAligns) {
  const std::string line = "frequency (kHz)";
  const int width = text_width(line);
  for (const auto& [align, left] : {std::pair{Align::left, 200},
                                    {Align::center, 200 - width / 2},
                                    {Align::right, 200 - width}}) {
    Canvas canvas(400, 60);
    canvas.text(200, 20, line, kBlack, align);
    const Rect bounds = ink_bounds(canvas.image());
    EXPECT_GE(bounds.x, left);
    EXPECT_LE(bounds.x, left + 2);
    EXPECT_LE(bounds.right(), left + width);
    EXPECT_GE(bounds.y, 20);
    EXPECT_LE(bounds.bottom(), 20 + kTextHeight);
  }
}

TEST(Canvas, VerticalTextIsTheTextTurned) {
  const std::string line = "Level gq";
  const int width = text_width(line);
  Canvas level(width, kTextHeight), turned(kTextHeight, width);
  level.text(0, 0, line);
  turned.vertical_text(0, width, line);
  for (int y = 0; y < kTextHeight; ++y)
    for (int x = 0; x < width; ++x)
      EXPECT_EQ(level.image().at(x, y), turned.image().at(y, width - 1 - x));

  Canvas centred(40, 300);
  centred.vertical_text(10, 150, line, kBlack, Align::center);
  const Rect bounds = ink_bounds(centred.image());
  EXPECT_NEAR(bounds.y + bounds.height / 2.0, 150, 2);
}

TEST(Canvas, TextOverTheEdgeIsCut) {
  Canvas canvas(20, 10);
  canvas.text(-30, -5, "across the whole canvas and beyond");
  canvas.vertical_text(-3, 400, "across the whole canvas and beyond");
  EXPECT_GT(ink(canvas.image()), 0);
}

}  // namespace
}  // namespace fluvox::report
