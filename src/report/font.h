// A small proportional bitmap font, drawn for this project: printable ASCII, capitals 7 dots high,
// descenders 2. It is shown at twice its size with rounded diagonals, so a line of text is
// kTextHeight pixels high.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fluvox::report {

constexpr int kTextHeight = 18;  // from the top of a capital to the bottom of a descender
constexpr int kCapHeight = 14;

struct TextMask {
  int width = 0, height = kTextHeight;
  std::vector<uint8_t> coverage;  // [height][width], 255 = ink
  uint8_t at(int x, int y) const {
    return coverage[static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)];
  }
};

enum class Weight { plain, bold };

// One line of text. A character outside printable ASCII is drawn as one small box.
TextMask render_text(std::string_view line, Weight weight = Weight::plain);

int text_width(std::string_view line);  // of either weight

// The line, or its beginning and end around "..." where it is wider than `most` pixels.
std::string fit_text(std::string_view line, int most);

}  // namespace fluvox::report
