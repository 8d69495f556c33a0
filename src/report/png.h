// Pictures as PNG files (libpng).
#pragma once

#include <string>

#include "report/image.h"

namespace fluvox::report {

// The bytes of a PNG file, 8-bit RGB.
std::string encode_png(const Image& image);

// Writes the file whole or not at all.
void write_png(const std::string& path, const Image& image);

}  // namespace fluvox::report
