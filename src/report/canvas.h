// Drawing on an image. Everything is clipped: what lies outside the image, or outside the given
// rectangle, is simply not drawn. Coordinates are pixels from the top left.
#pragma once

#include <string_view>
#include <utility>

#include "report/font.h"
#include "report/image.h"

namespace fluvox::report {

enum class Align { left, center, right };  // which point of the text `x` names

class Canvas {
 public:
  Canvas(int width, int height, Color background = kWhite) : image_(width, height, background) {}

  const Image& image() const { return image_; }
  Image take() { return std::move(image_); }
  Rect bounds() const { return {0, 0, image_.width, image_.height}; }

  // Mixes `color` into one pixel; `share` 1 replaces it.
  void blend(int x, int y, Color color, double share);

  // A filled rectangle; a crisp horizontal or vertical line is one of height or width 1.
  void fill(Rect rect, Color color, double share = 1);

  // The four edges of the rectangle, drawn just outside of it.
  void outline(Rect rect, Color color);

  // A straight line of the given thickness with soft edges, between pixel centres.
  void line(double x0, double y0, double x1, double y1, Color color, double thickness, Rect clip);

  // Copies a picture, its top left corner at (x, y).
  void blit(const Image& picture, int x, int y, Rect clip);

  // One line of text, the top of its capitals at y.
  void text(int x, int y, std::string_view line, Color color = kBlack, Align align = Align::left,
            Weight weight = Weight::plain);

  // The same turned to read upwards: x is the top of its capitals, y where it starts, is centred or
  // ends.
  void vertical_text(int x, int y, std::string_view line, Color color = kBlack,
                     Align align = Align::left);

 private:
  Image image_;
};

}  // namespace fluvox::report
