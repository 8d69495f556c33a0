#include "report/font.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace fluvox::report {
namespace {

bool has_ink(const TextMask& mask) {
  return std::any_of(mask.coverage.begin(), mask.coverage.end(), [](uint8_t c) { return c > 0; });
}

TEST(Font, EveryPrintableCharacterHasItsOwnShape) {
  std::set<std::pair<int, std::vector<uint8_t>>> shapes;
  for (char c = 33; c < 127; ++c) {
    const TextMask mask = render_text(std::string(1, c));
    EXPECT_TRUE(has_ink(mask)) << c;
    EXPECT_TRUE(shapes.insert({mask.width, mask.coverage}).second) << c << " looks like another";
  }
  EXPECT_FALSE(has_ink(render_text(" ")));
  EXPECT_GT(text_width(" "), 0);
}

TEST(Font, WidthsAddUpAndMatchTheMask) {
  const std::string line = "Wavy lines, 0-9 (kHz)";
  int sum = 0;
  for (const char c : line) sum += text_width(std::string(1, c));
  EXPECT_EQ(text_width(line), sum);
  EXPECT_EQ(render_text(line).width, sum);
  EXPECT_EQ(render_text(line, Weight::bold).width, sum);
  EXPECT_EQ(render_text(line).coverage.size(), static_cast<size_t>(sum) * kTextHeight);
}

TEST(Font, LettersNeverTouch) {
  // The last column of every character is the gap to the next, in either weight.
  for (const Weight weight : {Weight::plain, Weight::bold})
    for (char c = 33; c < 127; ++c) {
      const TextMask mask = render_text(std::string(1, c), weight);
      for (int y = 0; y < mask.height; ++y) EXPECT_EQ(mask.at(mask.width - 1, y), 0) << c;
    }
}

TEST(Font, StrokesAreFullInkAndDiagonalsSoft) {
  for (const int x : {0, 1}) EXPECT_EQ(render_text("|").at(x, kCapHeight / 2), 255);
  const TextMask slash = render_text("/");
  EXPECT_TRUE(std::any_of(slash.coverage.begin(), slash.coverage.end(),
                          [](uint8_t c) { return c > 0 && c < 255; }));
}

TEST(Font, CapitalsStandOnTheLine) {
  const TextMask mask = render_text("E");
  for (int x = 0; x < mask.width; ++x)
    for (int y = kCapHeight; y < mask.height; ++y) EXPECT_EQ(mask.at(x, y), 0);
  EXPECT_GT(mask.at(2, 0), 0);
  EXPECT_GT(mask.at(2, kCapHeight - 1), 0);
}

TEST(Font, OtherCharactersAreOneBoxEach) {
  const int box = text_width("\x01");
  EXPECT_TRUE(has_ink(render_text("\x01")));
  EXPECT_EQ(text_width("\xc3\xa9"), box);          // e acute: two bytes
  EXPECT_EQ(text_width("\xe6\x97\xa5"), box);      // a kanji: three
  EXPECT_EQ(text_width("\xf0\x9f\x94\x8a"), box);  // an emoji: four
  EXPECT_EQ(text_width("\x80\x80"), 0);            // stray continuation bytes
  EXPECT_EQ(text_width("\n\t"), 2 * box);
}

TEST(Font, FitKeepsBothEnds) {
  EXPECT_EQ(fit_text("short", 500), "short");
  const std::string line = "corpora/" + std::string(3000, 'x') + "/LJ001-0001.wav";
  for (const int most : {40, 100, 333, 900}) {
    const std::string fitted = fit_text(line, most);
    EXPECT_LE(text_width(fitted), most);
    EXPECT_GT(text_width(fitted), most - 30);  // no more is cut than need be
    EXPECT_NE(fitted.find("..."), std::string::npos);
  }
  EXPECT_EQ(fit_text(line, 400).substr(0, 8), "corpora/");
  EXPECT_TRUE(fit_text(line, 400).ends_with("LJ001-0001.wav"));
  EXPECT_EQ(fit_text("long", 1), "");
  EXPECT_EQ(fit_text("", -5), "");
  // Whole code points: never half a character.
  const std::string accents = fit_text("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 50);
  EXPECT_EQ(std::count(accents.begin(), accents.end(), '\xc3'),
            std::count(accents.begin(), accents.end(), '\xa9'));
}

}  // namespace
}  // namespace fluvox::report
