// What the pictures share: the page and its margins, titles, and a panel of colours with its frame.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "report/raster.h"

namespace fluvox::report {

constexpr int kPictureWidth = 1200;
constexpr int kTitleHeight = 44;  // of the title of a panel, above it
constexpr int kPanelGap = 22;     // between two panels when the lower one has no title
constexpr int kRightMargin = 30;  // where there is no colour scale

// Gives panels that lie under each other one left and one right edge, with room for the widest
// numbers of their axes and `right` pixels beside them.
void align_panels(std::initializer_list<Plane*> panels, int right);

// A title above an area, and quieter details at its right end; both are shortened to fit.
void draw_title(Canvas& canvas, Rect area, const std::string& title, const std::string& details);

// The picture of a raster of the area's size, a faint grid, a frame, and the colour scale.
void draw_colors(Canvas& canvas, const Plane& plane, const Raster& raster, Interval range,
                 ColorMap colors, const std::string& scale_label, const std::vector<Tick>& x,
                 const std::vector<Tick>& y);

// Numbers for titles: fixed(3.14159, 2) is "3.14"; duration(90) is "90.00 s".
std::string fixed(double value, int decimals);
std::string duration(double seconds);

}  // namespace fluvox::report
