#include "report/font.h"

#include <algorithm>
#include <array>

namespace fluvox::report {
namespace {

constexpr int kCell = 8, kRows = 9, kGlyphsPerBand = 10, kFirst = 32, kLast = 126;

// The characters 32 to 126, ten in a band, each in a cell of 8 x 9 with its ink at the left.
// clang-format off
constexpr std::string_view kArt[] = {
    "        #       # #      # #      #     ##  #    ##     #         #     #       ",
    "        #       # #      # #     ####   ##  #   #  #    #        #       #      ",
    "        #       # #     #####   # #        #    #  #    #       #         #     ",
    "        #                # #     ###      #      ##             #         #     ",
    "        #               #####     # #    #      # # #           #         #     ",
    "                         # #    ####    #  ##   #  #            #         #     ",
    "        #                # #      #     #  ##    ## #            #       #      ",
    "                                                                  #     #       ",
    "                                                                                ",
    "                                           #     ###      #      ###     ###    ",
    " # #                                       #    #   #    ##     #   #   #   #   ",
    "  #       #                               #     #   #   # #         #       #   ",
    "#####     #                               #     #   #     #        #      ##    ",
    "  #     #####           ####             #      #   #     #       #         #   ",
    " # #      #                              #      #   #     #      #      #   #   ",
    "          #      #              #       #        ###    #####   #####    ###    ",
    "                 #                      #                                       ",
    "                #                                                               ",
    "   #    #####    ###    #####    ###     ###                                    ",
    "  ##    #       #   #       #   #   #   #   #                                   ",
    " # #    ####    #          #    #   #   #   #                      ##           ",
    "#  #        #   ####       #     ###     ####   #        #       ##     #####   ",
    "#####       #   #   #     #     #   #       #                   #               ",
    "   #    #   #   #   #     #     #   #   #   #                    ##     #####   ",
    "   #     ###     ###      #      ###     ###    #        #         ##           ",
    "                                                         #                      ",
    "                                                        #                       ",
    "         ###     #####    #     ####     ###    ####    #####   #####    ###    ",
    "        #   #   #     #   #     #   #   #   #   #   #   #       #       #   #   ",
    "##          #   #  ## #  # #    #   #   #       #   #   #       #       #       ",
    "  ##       #    # # # #  # #    ####    #       #   #   ####    ####    #  ##   ",
    "    #     #     #  #### #####   #   #   #       #   #   #       #       #   #   ",
    "  ##            #       #   #   #   #   #   #   #   #   #       #       #   #   ",
    "##        #      #####  #   #   ####     ###    ####    #####   #        ###    ",
    "                                                                                ",
    "                                                                                ",
    "#   #   ###        #    #   #   #       #     # #   #    ####   ####     ####   ",
    "#   #    #         #    #  #    #       ##   ## ##  #   #    #  #   #   #    #  ",
    "#   #    #         #    # #     #       # # # # ##  #   #    #  #   #   #    #  ",
    "#####    #         #    ##      #       #  #  # # # #   #    #  ####    #    #  ",
    "#   #    #         #    # #     #       #     # #  ##   #    #  #       #  # #  ",
    "#   #    #      #  #    #  #    #       #     # #  ##   #    #  #       #   #   ",
    "#   #   ###      ##     #   #   #####   #     # #   #    ####   #        ### #  ",
    "                                                                                ",
    "                                                                                ",
    "####     ###    #####   #   #   #   #   #     # #   #   #   #   #####   ##      ",
    "#   #   #   #     #     #   #   #   #   #     # #   #   #   #       #   #       ",
    "#   #   #         #     #   #   #   #   #  #  #  # #     # #       #    #       ",
    "####     ###      #     #   #    # #    #  #  #   #       #       #     #       ",
    "# #         #     #     #   #    # #    # # # #  # #      #      #      #       ",
    "#  #    #   #     #     #   #     #      #   #  #   #     #     #       #       ",
    "#   #    ###      #      ###      #      #   #  #   #     #     #####   #       ",
    "                                                                        ##      ",
    "                                                                                ",
    "#       ##        #             #               #                   #           ",
    "#        #       # #             #              #                   #           ",
    " #       #      #   #                    ###    ####     ###     ####    ###    ",
    " #       #                                  #   #   #   #       #   #   #   #   ",
    "  #      #                               ####   #   #   #       #   #   #####   ",
    "  #      #                              #   #   #   #   #       #   #   #       ",
    "   #     #                               ####   ####     ###     ####    ####   ",
    "   #    ##              #####                                                   ",
    "                                                                                ",
    " ##             #       #        #      #       #                               ",
    "#               #                       #       #                               ",
    "###      ####   ####    #        #      #  #    #       ### ##  ####     ###    ",
    "#       #   #   #   #   #        #      # #     #       #  #  # #   #   #   #   ",
    "#       #   #   #   #   #        #      ##      #       #  #  # #   #   #   #   ",
    "#       #   #   #   #   #        #      # #     #       #  #  # #   #   #   #   ",
    "#        ####   #   #   #        #      #  #     #      #  #  # #   #    ###    ",
    "            #                    #                                              ",
    "         ###                    #                                               ",
    "                                #                                               ",
    "                                #                                               ",
    "####     ####   # ##     ####   ###     #   #   #   #   #  #  # #   #   #   #   ",
    "#   #   #   #   ##      #       #       #   #   #   #   #  #  #  # #    #   #   ",
    "#   #   #   #   #        ###    #       #   #    # #    #  #  #   #     #   #   ",
    "#   #   #   #   #           #   #       #   #    # #    #  #  #  # #    #   #   ",
    "####     ####   #       ####     ##      ####     #      ## ##  #   #    ####   ",
    "#           #                                                               #   ",
    "#           #                                                            ###    ",
    "          #     #       #                                                       ",
    "         #      #        #                                                      ",
    "#####    #      #        #                                                      ",
    "   #     #      #        #       ##  #                                          ",
    "  #     #       #         #     #  ##                                           ",
    " #       #      #        #                                                      ",
    "#####    #      #        #                                                      ",
    "         #      #        #                                                      ",
    "          #     #       #                                                       ",
};
// clang-format on

// Rows of bits, the leftmost dot in bit 0.
struct Glyph {
  int width = 0;
  std::array<uint8_t, kRows> rows{};
};

constexpr Glyph cut(int character) {
  const int index = character - kFirst;
  Glyph glyph;
  for (int row = 0; row < kRows; ++row)
    for (int column = 0; column < kCell; ++column)
      if (kArt[index / kGlyphsPerBand * kRows + row]
              [static_cast<size_t>(index % kGlyphsPerBand * kCell + column)] == '#') {
        glyph.rows[row] = static_cast<uint8_t>(glyph.rows[row] | 1 << column);
        glyph.width = column + 1 > glyph.width ? column + 1 : glyph.width;
      }
  if (character == ' ') glyph.width = 2;
  return glyph;
}

constexpr auto kGlyphs = [] {
  std::array<Glyph, kLast - kFirst + 1> glyphs;
  for (int c = kFirst; c <= kLast; ++c) glyphs[static_cast<size_t>(c - kFirst)] = cut(c);
  return glyphs;
}();

constexpr Glyph kBox{4, {0b1111, 0b1001, 0b1001, 0b1001, 0b1001, 0b1001, 0b1111, 0, 0}};

// One glyph a code point: the continuation bytes of UTF-8 draw nothing.
std::vector<const Glyph*> glyphs_of(std::string_view line) {
  std::vector<const Glyph*> glyphs;
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) == 0x80) continue;
    glyphs.push_back(byte >= kFirst && byte <= kLast ? &kGlyphs[byte - size_t{kFirst}] : &kBox);
  }
  return glyphs;
}

struct Bitmap {
  int width, height;
  std::vector<uint8_t> dots;
  Bitmap(int w, int h)
      : width(w), height(h), dots(static_cast<size_t>(w) * static_cast<size_t>(h)) {}
  bool at(int x, int y) const {
    return x >= 0 && y >= 0 && x < width && y < height && dots[index(x, y)] != 0;
  }
  size_t index(int x, int y) const {
    return static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x);
  }
};

// Twice the size, diagonals smoothed: a quarter of a dot follows its two outer neighbours where
// these agree and the opposite two differ from them (the rule known as EPX). With `fill` it only
// gains ink, so that the square corners of a D stay square.
Bitmap twice(const Bitmap& in, bool fill) {
  Bitmap out(2 * in.width, 2 * in.height);
  for (int y = 0; y < in.height; ++y)
    for (int x = 0; x < in.width; ++x) {
      const bool up = in.at(x, y - 1), down = in.at(x, y + 1);
      const bool left = in.at(x - 1, y), right = in.at(x + 1, y), here = in.at(x, y);
      const bool stays = up == down || left == right || (fill && here);
      const auto quarter = [&](bool vertical, bool horizontal) {
        return static_cast<uint8_t>(!stays && vertical == horizontal ? vertical : here);
      };
      out.dots[out.index(2 * x, 2 * y)] = quarter(up, left);
      out.dots[out.index(2 * x + 1, 2 * y)] = quarter(up, right);
      out.dots[out.index(2 * x, 2 * y + 1)] = quarter(down, left);
      out.dots[out.index(2 * x + 1, 2 * y + 1)] = quarter(down, right);
    }
  return out;
}

int dots_wide(const std::vector<const Glyph*>& glyphs) {
  int width = 0;
  for (const Glyph* glyph : glyphs) width += glyph->width + 1;
  return width;
}

}  // namespace

TextMask render_text(std::string_view line, Weight weight) {
  const auto glyphs = glyphs_of(line);
  Bitmap dots(dots_wide(glyphs), kRows);
  int left = 0;
  for (const Glyph* glyph : glyphs) {
    for (int row = 0; row < kRows; ++row)
      for (int column = 0; column < glyph->width; ++column)
        dots.dots[dots.index(left + column, row)] = glyph->rows[row] >> column & 1;
    left += glyph->width + 1;
  }
  // Rounded at four times the size, then halved: the mean of 2 x 2 gives the soft edges.
  const Bitmap large = twice(twice(dots, true), false);
  TextMask mask;
  mask.width = 2 * dots.width;
  mask.coverage.resize(static_cast<size_t>(mask.width) * kTextHeight);
  const int reach = weight == Weight::bold ? 1 : 0;  // how far bold ink spreads to the right
  for (int y = 0; y < mask.height; ++y)
    for (int x = 0; x < mask.width; ++x) {
      int ink = 0;
      for (int dy = 0; dy < 2; ++dy)
        for (int dx = 0; dx < 2; ++dx)
          ink += large.at(2 * x + dx, 2 * y + dy) ||
                 (reach && large.at(2 * x + dx - reach, 2 * y + dy));
      mask.coverage[static_cast<size_t>(y) * static_cast<size_t>(mask.width) +
                    static_cast<size_t>(x)] = static_cast<uint8_t>(ink * 255 / 4);
    }
  return mask;
}

int text_width(std::string_view line) { return 2 * dots_wide(glyphs_of(line)); }

std::string fit_text(std::string_view line, int most) {
  if (text_width(line) <= most) return std::string(line);
  std::vector<std::string> points;  // whole code points
  for (const char c : line) {
    if (points.empty() || (static_cast<unsigned char>(c) & 0xC0) != 0x80) points.emplace_back();
    points.back() += c;
  }
  // The narrowest glyph takes 4 pixels, which bounds how many can be kept.
  size_t kept = std::min(points.size(), static_cast<size_t>(std::max(most, 0)) / 4);
  for (; kept > 0; --kept) {
    std::string shorter;
    for (size_t i = 0; i < (kept + 1) / 2; ++i) shorter += points[i];
    shorter += "...";
    for (size_t i = points.size() - kept / 2; i < points.size(); ++i) shorter += points[i];
    if (text_width(shorter) <= most) return shorter;
  }
  return "";
}

}  // namespace fluvox::report
