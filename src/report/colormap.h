// Colours for numbers. Both maps are paths through OKLab (B. Ottosson 2020), where equal steps look
// equal: lightness runs evenly along the path, so the order survives grey printing.
#pragma once

#include "report/image.h"

namespace fluvox::report {

// Each map takes 0..1. Outside values are clamped; NaN is grey.
using ColorMap = Color (*)(double);

// Near black, violet, red, orange, pale yellow.
Color heat(double value);

// Blue for less, white at 0.5, red for more.
Color difference_color(double value);

}  // namespace fluvox::report
